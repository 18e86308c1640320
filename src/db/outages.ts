import { createLineLimit } from '../lib/line-limit.ts'
import { createSingleFlight } from '../lib/single-flight.ts'
import { errorCode, findDatabaseError, isOutage, isPassing } from './faults.ts'
import { sentenceOf } from './wait.ts'

/** An outage is logged at most once in this time while it lasts. */
const LINE_EVERY_MS = 60_000
/** An outage has ended when the database takes writes and nothing has failed for this long. */
const QUIET_MS = 2000
/** The same for one that begins again and again, as with a full disk. */
const MAX_QUIET_MS = 60_000

type Dependencies = {
  readonly log: (about: object, text: string) => void
  /** Whether the database answers and takes writes. Asked only during an outage; may reject. */
  readonly takesWrites: () => Promise<boolean>
  /** Monotonic clock, ms. */
  readonly monotonic: () => number
}

type Outage = {
  readonly since: number
  failedAt: number
  loggedAt: number
  /** Since the last line, by SQLSTATE or code of the connection. */
  codes: Map<string, number>
  /** Requests answered with 503. */
  requests: number
}

export type Outages = ReturnType<typeof createOutages>

/**
 * The log of outages of the database: one line when an outage begins, one a minute while it lasts, one when it ends.
 * Callers whose work or request fails ask here before they write a line of their own.
 */
export function createOutages({ log, takesWrites, monotonic }: Dependencies) {
  const admitLine = createLineLimit(monotonic)
  const waiting: (() => number)[] = []
  let current: Outage | undefined
  let quietMs = QUIET_MS
  let endedAt = -Infinity

  const write = (outage: Outage, text: string, until: number): void => {
    log(
      {
        seconds: Math.round((until - outage.since) / 1000),
        errors: Object.fromEntries(outage.codes),
        requests: outage.requests,
        waiting: waiting.reduce((sum, count) => sum + count(), 0),
      },
      text,
    )
    outage.codes = new Map()
    outage.loggedAt = monotonic()
  }

  const begin = (error: unknown): Outage => {
    const now = monotonic()
    quietMs = now - endedAt < LINE_EVERY_MS ? Math.min(2 * quietMs, MAX_QUIET_MS) : QUIET_MS
    log(
      { reason: errorCode(error), detail: sentenceOf(findDatabaseError(error)) },
      'the database is unavailable: sessions continue, results wait in memory, requests that need it are answered with 503',
    )
    return { since: now, failedAt: now, loggedAt: now, codes: new Map(), requests: 0 }
  }

  /**
   * Whether an outage explains the error, so that the caller logs nothing. Counts it, and begins the outage if the
   * error shows one.
   */
  const explains = (error: unknown): boolean => {
    const shows = isOutage(error)
    if (shows) {
      current ??= begin(error)
      current.failedAt = monotonic()
    }
    if (current === undefined || !(shows || isPassing(error))) return false
    const code = errorCode(error)
    current.codes.set(code, (current.codes.get(code) ?? 0) + 1)
    return true
  }

  const look = createSingleFlight(async () => {
    const outage = current
    if (outage === undefined) return
    const isServing = await takesWrites().catch(() => false)
    const now = monotonic()
    if (!isServing) outage.failedAt = now
    if (now - outage.failedAt >= quietMs) {
      write(outage, 'the database is available again', outage.failedAt)
      current = undefined
      endedAt = now
    } else if (now - outage.loggedAt >= LINE_EVERY_MS) write(outage, 'the database is still unavailable', now)
  })

  /**
   * Logs a failure that repeats, also during an outage: each text and code once a minute. For lost data, and for
   * connections whose failure is no outage.
   */
  const repeat = (error: unknown, text: string, about: object = {}): void => {
    const omitted = admitLine(`${text} ${errorCode(error)}`)
    if (omitted !== undefined) log({ err: error, ...about, ...(omitted > 0 && { omitted }) }, text)
  }

  return {
    explains,
    repeat,

    /** Logs failed work that is retried, unless an outage explains it. */
    report: (error: unknown, text: string, about: object = {}): void => {
      if (!explains(error)) repeat(error, text, about)
    },

    /** Whether an outage explains that a request is answered with 503; counts it. */
    explainsRefusal: (cause: unknown): boolean => {
      if (!explains(cause) && current === undefined) return false
      if (current !== undefined) current.requests++
      return true
    },

    /** Registers a number of results that wait for the database. */
    countWaiting: (count: () => number): void => void waiting.push(count),

    /** Looks whether an outage has ended; call it once a second. */
    look: look.run,
  }
}
