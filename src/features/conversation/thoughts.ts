import { LRUCache } from 'lru-cache'
import { detectDistortions } from '../../domain/cbt/detect.ts'
import type { Detection, DistortionType, Intervention } from '../../domain/cbt/distortion.ts'
import { chooseIntervention, type InterventionPace } from '../../domain/cbt/intervention.ts'
import { readCrisis } from '../../domain/crisis/read-crisis.ts'
import type { Language } from '../../domain/language.ts'
import { TokenBucket } from '../../lib/token-bucket.ts'
import type { FindingRow } from './repository.ts'

type Offer = { readonly at: number; readonly type: DistortionType }

/** What somebody's words show. Of words of self-harm nothing else is said. */
export type Considered = {
  readonly crisis: ReturnType<typeof readCrisis>
  readonly detections: readonly Detection[]
  readonly intervention: Intervention | undefined
}

type Dependencies = {
  readonly store: (finding: FindingRow) => void
  /** What was offered in the session by any instance, oldest first; rejects when the database cannot be asked. */
  readonly offers: (sessionId: string) => Promise<readonly Offer[]>
  readonly onAsked: (error: unknown) => void
  readonly monotonic: () => number
}

const REMEMBERED_SESSIONS = 10_000
const REMEMBERED_OFFERS = 5
/** An older offer does not fit what is said now. */
const OFFER_MS = 60_000
/** Findings of one session that are stored: a flood says no more than its beginning. */
const FINDING_RATE = { perSecond: 0.2, burst: 20 }

/** Reads what people say and write in a session, and keeps what it finds without the words. */
export function createThoughts({ store, offers, onAsked, monotonic }: Dependencies) {
  const offered = new LRUCache<string, readonly Offer[]>({ max: REMEMBERED_SESSIONS })
  const rates = new LRUCache<string, TokenBucket>({ max: REMEMBERED_SESSIONS })
  const times = new LRUCache<string, number>({ max: REMEMBERED_SESSIONS })
  const untaken = new LRUCache<string, Intervention>({ max: REMEMBERED_SESSIONS, ttl: OFFER_MS })

  /** Rising, for the time names a finding within its session. */
  const timeOf = (sessionId: string): number => {
    const at = Math.max(Date.now(), (times.get(sessionId) ?? 0) + 1)
    times.set(sessionId, at)
    return at
  }

  const paceOf = async (sessionId: string): Promise<InterventionPace> => {
    const stored = await offers(sessionId).catch((error: unknown) => {
      onAsked(error)
      return []
    })
    const all = [...stored, ...(offered.get(sessionId) ?? [])].sort((a, b) => a.at - b.at)
    const known = all.filter((offer, i) => all.findIndex(({ at }) => at === offer.at) === i)
    const lastAt = known.at(-1)?.at
    return {
      now: Date.now(),
      recentTypes: known.slice(-REMEMBERED_OFFERS).map(({ type }) => type),
      ...(lastAt === undefined ? {} : { lastAt }),
    }
  }

  const note = (sessionId: string, { crisis, detections, intervention }: Considered): void => {
    if (!crisis.isCrisis && detections.length === 0) return
    const at = timeOf(sessionId)
    if (intervention !== undefined) {
      untaken.set(sessionId, intervention)
      const before = offered.get(sessionId) ?? []
      offered.set(sessionId, [...before, { at, type: intervention.distortionType }].slice(-REMEMBERED_OFFERS))
    }
    const rate = rates.get(sessionId) ?? new TokenBucket(FINDING_RATE, monotonic())
    rates.set(sessionId, rate)
    if (!rate.take(monotonic())) return
    const isCrisis = crisis.isCrisis
    store({ sessionId, at: new Date(at), detections, intervention: intervention ?? null, isCrisis })
  }

  return {
    paceOf,
    /** Stores what was found, and remembers what was offered. */
    note,

    /** What may be offered for what was said or written here lately; an offer is made once. */
    takeOffer: (sessionId: string): Intervention | null => {
      const offer = untaken.get(sessionId) ?? null
      untaken.delete(sessionId)
      return offer
    },

    /** What the words show, and what may be offered now. */
    async read(sessionId: string, text: string, language: Language): Promise<Considered> {
      const crisis = readCrisis(text)
      const detections = crisis.isCrisis ? [] : detectDistortions(text)
      const intervention =
        detections.length === 0
          ? undefined
          : chooseIntervention(detections, language, await paceOf(sessionId))
      return { crisis, detections, intervention }
    },
  }
}

export type Thoughts = ReturnType<typeof createThoughts>
