import { LRUCache } from 'lru-cache'
import type { Language } from '../../domain/language.ts'
import type { Channel, SessionStatus } from '../../domain/session.ts'
import { AppError } from '../../protocol/errors.ts'
import { within } from '../../lib/deadline.ts'
import type { ClaimedStart } from '../session-start.ts'
import { entryLimit } from '../../lib/entry-limit.ts'

type FoundSession = {
  readonly session: {
    readonly id: string
    readonly userId: number
    readonly familyId: string | null
    readonly status: SessionStatus
    readonly startedAt: Date
    readonly intervalMs: number
    readonly language: Language
  }
  /** The database's clock, ms since the epoch. */
  readonly clock: number
}

/** The decision about an upgrade request. */
export type Admission =
  | { readonly kind: 'admitted'; readonly found: FoundSession; readonly start: ClaimedStart | undefined }
  /** Its results could not be stored safely now: the client retries later. */
  | { readonly kind: 'full' }
  | { readonly kind: 'dead'; readonly code: 'SESSION_NOT_FOUND' | 'SESSION_ENDED' }

/** An upgrade request is answered within five seconds. */
const LOOKUP_MS = 4000
const RETRY_SECONDS = 2
const REFUSED_FOR_MS = 60_000
/** A refused session is looked up again at most this often: its end may be lost in a failover. */
const REFUSED_LOOK_MS = 5000
const REMEMBERED_REFUSALS = 10_000
const REMEMBERED_CHANGES = 10_000
/** No session id is longer; the rest is not remembered. */
const LONGEST_ID = 64

type UpgradeRequest = { readonly sessionId: string; readonly channel: Channel; readonly address: string }

/** Throws when the user has as many sockets as are allowed. */
export type AdmitUser = (userId: number) => void

type Dependencies = {
  readonly monotonic: () => number
  readonly find: (sessionId: string) => Promise<FoundSession | undefined>
  /**
   * Makes this process the owner of a live session whose user is admitted; undefined when it is unknown or has ended.
   * Rejects with what `admit` throws.
   */
  readonly claim: (
    sessionId: string,
    admit: AdmitUser,
  ) => Promise<{ found: FoundSession; start: ClaimedStart } | undefined>
  readonly isFull: (sessionId: string) => boolean
  readonly onUnknown: (sessionId: string) => void
  readonly onLookupFailed: (error: unknown) => void
}

/** Of `admitUser`. */
const isRefusal = (error: unknown): boolean => error instanceof AppError && error.code === 'RATE_LIMITED'

/**
 * Admits clients that know the id of a session that has not ended. A dead session is closed once with
 * code 1008; the same (id, channel, address) is then refused in the handshake (410) for a minute while it is dead, which
 * stops clients that ignore close codes.
 */
export function createAdmissions({
  monotonic,
  find,
  claim,
  isFull,
  onUnknown,
  onLookupFailed,
}: Dependencies) {
  /** When each was last looked up. */
  const refused = new LRUCache<string, { lookedAt: number }>({
    ...entryLimit(REMEMBERED_REFUSALS),
    ttl: REFUSED_FOR_MS,
  })
  const changes = new LRUCache<string, { status: SessionStatus; at: number }>({
    ...entryLimit(REMEMBERED_CHANGES),
  })

  const lookUp = async (sessionId: string, channel: Channel, admitUser: AdmitUser) => {
    const claimed = channel === 'landmarks' ? await claim(sessionId, admitUser) : undefined
    return { found: claimed?.found ?? (await find(sessionId)), start: claimed?.start }
  }

  const admit = async (
    { sessionId, channel, address }: UpgradeRequest,
    /** Called before anything is claimed. */
    admitUser: AdmitUser,
  ): Promise<Admission> => {
    const key = `${channel} ${address} ${sessionId.slice(0, LONGEST_ID + 1)}`
    const askedAt = monotonic()
    const refusal = refused.get(key)
    if (refusal !== undefined) {
      if (askedAt - refusal.lookedAt < REFUSED_LOOK_MS) throw new AppError('SESSION_GONE')
      refusal.lookedAt = askedAt
    }
    if (channel === 'landmarks' && isFull(sessionId)) return { kind: 'full' }
    const lookup = lookUp(sessionId, channel, admitUser)
    const failed = (error: unknown) => {
      if (!isRefusal(error)) onLookupFailed(error)
    }
    const looked = await within(lookup, LOOKUP_MS).catch((error: unknown) => {
      failed(error)
      throw error
    })
    if (looked === 'late') {
      lookup.then(({ start }) => start?.claim.release()).catch(failed)
      throw new AppError('DATABASE_UNAVAILABLE', { retryAfter: RETRY_SECONDS })
    }
    let { found, start } = looked
    const change = changes.get(sessionId)
    if (found !== undefined && change !== undefined && change.at >= askedAt) {
      found = { ...found, session: { ...found.session, status: change.status } }
      start = start && { ...start, status: change.status }
    }
    if (found !== undefined && found.session.status !== 'ended') {
      refused.delete(key)
      if (start === undefined) admitUser(found.session.userId)
      return { kind: 'admitted', found, start }
    }
    start?.claim.release()
    if (refusal !== undefined) throw new AppError('SESSION_GONE')
    refused.set(key, { lookedAt: askedAt })
    if (found === undefined) onUnknown(sessionId)
    return { kind: 'dead', code: found === undefined ? 'SESSION_NOT_FOUND' : 'SESSION_ENDED' }
  }

  return {
    admit,
    /** A lookup that is in progress while the status changes may return the old one. */
    noteChange: (sessionId: string, status: SessionStatus): void => {
      changes.set(sessionId, { status, at: monotonic() })
    },
  }
}
