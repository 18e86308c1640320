import { LRUCache } from 'lru-cache'
import { detectDistortions } from '../../domain/cbt/detect.ts'
import type { Detection, DistortionType, Intervention } from '../../domain/cbt/distortion.ts'
import { chooseIntervention, type InterventionPace } from '../../domain/cbt/intervention.ts'
import type { Language } from '../../domain/language.ts'
import { TokenBucket } from '../../lib/token-bucket.ts'
import type { FindingRow } from './repository.ts'
import { createUtterances, type Words } from './utterances.ts'

type Offer = { readonly at: number; readonly type: DistortionType }

/** What somebody's words show. */
export type Considered = {
  readonly detections: readonly Detection[]
  readonly intervention: Intervention | undefined
}

/** What is counted of an utterance in which words of self-harm were said. */
const CRISIS = 'crisis'

type Dependencies = {
  readonly store: (finding: FindingRow) => void
  /** What any instance has stored of the session, offers oldest first; rejects when the database cannot be asked. */
  readonly recall: (
    sessionId: string,
  ) => Promise<{ readonly offers: readonly Offer[]; readonly isCrisis: boolean }>
  readonly onAsked: (error: unknown) => void
  readonly monotonic: () => number
}

const REMEMBERED_SESSIONS = 10_000
const REMEMBERED_OFFERS = 5
/** An older offer does not fit what is said now. */
const OFFER_MS = 60_000
/** Findings of one session that are stored, and flags beside them: a flood says no more than its beginning. */
const FINDING_RATE = { perSecond: 0.2, burst: 20 }

/** For each session a bucket of its own. */
function createLimit(monotonic: () => number) {
  const buckets = new LRUCache<string, TokenBucket>({ max: REMEMBERED_SESSIONS })
  return (sessionId: string): boolean => {
    const bucket = buckets.get(sessionId) ?? new TokenBucket(FINDING_RATE, monotonic())
    buckets.set(sessionId, bucket)
    return bucket.take(monotonic())
  }
}

/**
 * Reads what people say and write in a session, and keeps what it finds without the words. Once words of self-harm
 * were among them, nothing is offered in that session any more.
 */
export function createThoughts({ store, recall, onAsked, monotonic }: Dependencies) {
  const offered = new LRUCache<string, readonly Offer[]>({ max: REMEMBERED_SESSIONS })
  const times = new LRUCache<string, number>({ max: REMEMBERED_SESSIONS })
  const untaken = new LRUCache<string, Intervention>({ max: REMEMBERED_SESSIONS, ttl: OFFER_MS })
  const closed = new LRUCache<string, true>({ max: REMEMBERED_SESSIONS })
  const admitsFinding = createLimit(monotonic)
  const admitsFlag = createLimit(monotonic)
  const uncounted = createUtterances(monotonic)

  /** Rising, for the time names a finding within its session. */
  const timeOf = (sessionId: string): Date => {
    const at = Math.max(Date.now(), (times.get(sessionId) ?? 0) + 1)
    times.set(sessionId, at)
    return new Date(at)
  }

  /** Withdraws what was not taken yet, and offers nothing from here on. */
  const closeOffers = (sessionId: string): void => {
    closed.set(sessionId, true)
    untaken.delete(sessionId)
  }

  const remember = (sessionId: string, at: Date, intervention: Intervention): void => {
    untaken.set(sessionId, intervention)
    const offer = { at: at.getTime(), type: intervention.distortionType }
    offered.set(sessionId, [...(offered.get(sessionId) ?? []), offer].slice(-REMEMBERED_OFFERS))
  }

  /** Undefined when nobody knows. */
  const recallHere = (sessionId: string) =>
    recall(sessionId).catch((error: unknown): undefined => {
      onAsked(error)
    })

  /** What was offered before; null when nothing may be offered, or when nobody knows whether it may. */
  const paceOf = async (sessionId: string): Promise<InterventionPace | null> => {
    const stored = closed.has(sessionId) ? undefined : await recallHere(sessionId)
    if (stored?.isCrisis) closeOffers(sessionId)
    if (stored === undefined || closed.has(sessionId)) return null
    const all = [...stored.offers, ...(offered.get(sessionId) ?? [])].sort((a, b) => a.at - b.at)
    const known = all.filter((offer, i) => all.findIndex(({ at }) => at === offer.at) === i)
    const lastAt = known.at(-1)?.at
    return {
      now: Date.now(),
      recentTypes: known.slice(-REMEMBERED_OFFERS).map(({ type }) => type),
      ...(lastAt === undefined ? {} : { lastAt }),
    }
  }

  /** Whether an exercise may be shown, as far as is known here. */
  const mayOffer = (sessionId: string): boolean => !closed.has(sessionId)

  return {
    paceOf,
    closeOffers,
    mayOffer,

    /** Words of self-harm were said: the report is to say so. True when nobody here knew. */
    flag: (sessionId: string, words: Words): boolean => {
      const isNews = mayOffer(sessionId)
      closeOffers(sessionId)
      const isCounted = uncounted(sessionId, words, [CRISIS]).length === 0
      if (!isCounted && admitsFlag(sessionId))
        store({ sessionId, at: timeOf(sessionId), detections: [], intervention: null, isCrisis: true })
      return isNews
    },

    /** Stores what was found, once for an utterance, and remembers what was offered. */
    note: (sessionId: string, words: Words, { detections: found, intervention }: Considered): void => {
      const types = uncounted(
        sessionId,
        words,
        found.map(({ type }) => type),
      )
      const detections = found.filter(({ type }) => types.includes(type))
      if (detections.length === 0) return
      const at = timeOf(sessionId)
      const offer = mayOffer(sessionId) ? intervention : undefined
      if (offer !== undefined) remember(sessionId, at, offer)
      if (admitsFinding(sessionId))
        store({ sessionId, at, detections, intervention: offer ?? null, isCrisis: false })
    },

    /** What may be offered for what was said or written here lately; an offer is made once. */
    takeOffer: (sessionId: string): Intervention | null => {
      const offer = untaken.get(sessionId) ?? null
      untaken.delete(sessionId)
      return offer
    },

    /** What words that are none of self-harm show, and what may be offered now. */
    async read(sessionId: string, text: string, language: Language): Promise<Considered> {
      const detections = detectDistortions(text)
      const pace = detections.length === 0 ? null : await paceOf(sessionId)
      const intervention = pace === null ? undefined : chooseIntervention(detections, language, pace)
      return { detections, intervention }
    },
  }
}

export type Thoughts = ReturnType<typeof createThoughts>
