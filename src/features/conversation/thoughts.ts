import { LRUCache } from 'lru-cache'
import { detectDistortions } from '../../domain/cbt/detect.ts'
import type { Detection, DistortionType, Intervention } from '../../domain/cbt/distortion.ts'
import { chooseIntervention, type InterventionPace } from '../../domain/cbt/intervention.ts'
import type { Language } from '../../domain/language.ts'
import { TokenBucket } from '../../lib/token-bucket.ts'
import type { FindingRow } from './repository.ts'
import { createUtterances, type Words } from './utterances.ts'
import { entryLimit } from '../../lib/entry-limit.ts'

type Offer = { readonly at: number; readonly type: DistortionType }

/** The result of reading a text. */
type TextFindings = {
  readonly detections: readonly Detection[]
  readonly intervention: Intervention | undefined
}

/** The label under which an utterance with self-harm language is counted. */
const CRISIS = 'crisis'

type Dependencies = {
  readonly store: (finding: FindingRow) => void
  /** The stored state of the session, offers oldest first; rejects when the database is unavailable. */
  readonly recall: (
    sessionId: string,
  ) => Promise<{ readonly offers: readonly Offer[]; readonly isCrisis: boolean }>
  readonly onRecallFailed: (error: unknown) => void
  readonly monotonic: () => number
}

const REMEMBERED_SESSIONS = 10_000
const REMEMBERED_OFFERS = 5
/** An older offer no longer fits the conversation. */
const OFFER_MS = 60_000
/** Limits the stored findings of one session, and separately its flags. */
const FINDING_RATE = { perSecond: 0.2, burst: 20 }

/** One token bucket per session. */
function createLimit(monotonic: () => number) {
  const buckets = new LRUCache<string, TokenBucket>(entryLimit(REMEMBERED_SESSIONS))
  return (sessionId: string): boolean => {
    const bucket = buckets.get(sessionId) ?? new TokenBucket(FINDING_RATE, monotonic())
    buckets.set(sessionId, bucket)
    return bucket.take(monotonic())
  }
}

/**
 * Reads speech and messages of a session and stores the findings without the words. Once self-harm language was
 * detected, no exercise is offered in that session.
 */
export function createThoughts({ store, recall, onRecallFailed, monotonic }: Dependencies) {
  const pastOffers = new LRUCache<string, readonly Offer[]>(entryLimit(REMEMBERED_SESSIONS))
  const lastTimes = new LRUCache<string, number>(entryLimit(REMEMBERED_SESSIONS))
  const pendingOffers = new LRUCache<string, Intervention>({
    ...entryLimit(REMEMBERED_SESSIONS),
    ttl: OFFER_MS,
  })
  const closedSessions = new LRUCache<string, true>(entryLimit(REMEMBERED_SESSIONS))
  const admitsFinding = createLimit(monotonic)
  const admitsFlag = createLimit(monotonic)
  const selectUncounted = createUtterances(monotonic)

  /** Strictly increasing, because the time identifies a finding within its session. */
  const nextTime = (sessionId: string): Date => {
    const at = Math.max(Date.now(), (lastTimes.get(sessionId) ?? 0) + 1)
    lastTimes.set(sessionId, at)
    return new Date(at)
  }

  /** Withdraws the pending offer and allows no further offers. */
  const closeOffers = (sessionId: string): void => {
    closedSessions.set(sessionId, true)
    pendingOffers.delete(sessionId)
  }

  const remember = (sessionId: string, at: Date, intervention: Intervention): void => {
    pendingOffers.set(sessionId, intervention)
    const offer = { at: at.getTime(), type: intervention.distortionType }
    pastOffers.set(sessionId, [...(pastOffers.get(sessionId) ?? []), offer].slice(-REMEMBERED_OFFERS))
  }

  /** Undefined when the database is unavailable. */
  const tryRecall = (sessionId: string) =>
    recall(sessionId).catch((error: unknown): undefined => {
      onRecallFailed(error)
    })

  /** The earlier offers; null when no offer is allowed or the database is unavailable. */
  const getPace = async (sessionId: string): Promise<InterventionPace | null> => {
    const stored = closedSessions.has(sessionId) ? undefined : await tryRecall(sessionId)
    if (stored?.isCrisis) closeOffers(sessionId)
    if (stored === undefined || closedSessions.has(sessionId)) return null
    const all = [...stored.offers, ...(pastOffers.get(sessionId) ?? [])].sort((a, b) => a.at - b.at)
    const distinct = all.filter((offer, i) => all.findIndex(({ at }) => at === offer.at) === i)
    const lastAt = distinct.at(-1)?.at
    return {
      now: Date.now(),
      recentTypes: distinct.slice(-REMEMBERED_OFFERS).map(({ type }) => type),
      ...(lastAt === undefined ? {} : { lastAt }),
    }
  }

  /** Whether an exercise may be shown, as far as this instance knows. */
  const mayOffer = (sessionId: string): boolean => !closedSessions.has(sessionId)

  return {
    getPace,
    closeOffers,
    mayOffer,

    /** Stores that self-harm language was detected. Returns true the first time on this instance. */
    flag: (sessionId: string, words: Words): boolean => {
      const isFirst = mayOffer(sessionId)
      closeOffers(sessionId)
      const isCounted = selectUncounted(sessionId, words, [CRISIS]).length === 0
      if (!isCounted && admitsFlag(sessionId))
        store({ sessionId, at: nextTime(sessionId), detections: [], intervention: null, isCrisis: true })
      return isFirst
    },

    /** Stores the findings, once per utterance, and remembers the offer. */
    note: (sessionId: string, words: Words, { detections: found, intervention }: TextFindings): void => {
      const types = selectUncounted(
        sessionId,
        words,
        found.map(({ type }) => type),
      )
      const detections = found.filter(({ type }) => types.includes(type))
      if (detections.length === 0) return
      const at = nextTime(sessionId)
      const offer = mayOffer(sessionId) ? intervention : undefined
      if (offer !== undefined) remember(sessionId, at, offer)
      if (admitsFinding(sessionId))
        store({ sessionId, at, detections, intervention: offer ?? null, isCrisis: false })
    },

    /** Returns the pending offer and removes it. */
    takeOffer: (sessionId: string): Intervention | null => {
      const offer = pendingOffers.get(sessionId) ?? null
      pendingOffers.delete(sessionId)
      return offer
    },

    /** Finds cognitive distortions in a text without self-harm language, and the exercise to offer. */
    async read(sessionId: string, text: string, language: Language): Promise<TextFindings> {
      const detections = detectDistortions(text)
      const pace = detections.length === 0 ? null : await getPace(sessionId)
      const intervention = pace === null ? undefined : chooseIntervention(detections, language, pace)
      return { detections, intervention }
    },
  }
}

export type Thoughts = ReturnType<typeof createThoughts>
