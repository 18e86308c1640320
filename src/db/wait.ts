import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from './client.ts'
import { isPassing } from './faults.ts'

const ATTEMPT_DEADLINE_MS = 10_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 3_000

/** Waiting changes nothing about these: who asks, for what, with which right. */
const NOT_CURED_BY_WAITING = new Set(['28P01', '28000', '3D000', '42501', 'CONNECTION_ENDED'])
const UNKNOWN_TENANT = /tenant or user not found/i

export type WaitOptions = {
  /** How long to wait for a database that is not there yet; 0 tries once. */
  readonly deadlineMs: number
  /** Where the address came from, for the line that says what to set. */
  readonly variable?: string
  /** Is told of each failed attempt: the code of its error and the pause before the next one. */
  readonly onRetry?: (reason: string, pauseMs: number) => void
}

/**
 * Resolves when the database answers. Waits, with growing and jittered pauses, while it is starting or unreachable.
 * Rejects with one line that says what to set: at once for what waiting does not cure (password, name, certificate),
 * else when the deadline has passed.
 */
export async function waitForDatabase(
  database: Pick<Database, 'sql' | 'description'>,
  { deadlineMs, variable = 'DATABASE_URL', onRetry }: WaitOptions,
): Promise<void> {
  const deadline = Date.now() + deadlineMs
  for (
    let longestPauseMs = FIRST_PAUSE_MS;
    ;
    longestPauseMs = Math.min(2 * longestPauseMs, LONGEST_PAUSE_MS)
  ) {
    const error = await attempt(database)
    if (error === undefined) return
    if (!isCuredByWaiting(error))
      throw new Error(`${database.description}: ${adviceFor(error, variable)}`, { cause: error })
    const reason = codeOf(error)
    const pauseMs = Math.round(longestPauseMs * (0.5 + Math.random() / 2))
    if (Date.now() + pauseMs > deadline) {
      throw new Error(
        `${database.description}: not reachable (${reason}); check that it runs and that ${variable} names it`,
        { cause: error },
      )
    }
    onRetry?.(reason, pauseMs)
    await delay(pauseMs)
  }
}

/** The error of one try, or undefined. A try that outlives its deadline counts as a connection that timed out. */
async function attempt({ sql }: Pick<Database, 'sql'>): Promise<unknown> {
  const expired = new AbortController()
  try {
    await Promise.race([
      sql`select 1`,
      delay(ATTEMPT_DEADLINE_MS, undefined, { signal: expired.signal }).then(() => {
        throw Object.assign(new Error('no answer in time'), { code: 'CONNECT_TIMEOUT' })
      }),
    ])
    return undefined
  } catch (error) {
    return error
  } finally {
    expired.abort()
  }
}

function isCuredByWaiting(error: unknown): boolean {
  return (
    isPassing(error) &&
    !NOT_CURED_BY_WAITING.has(codeOf(error)) &&
    !(error instanceof Error && UNKNOWN_TENANT.test(error.message))
  )
}

function adviceFor(error: unknown, variable: string): string {
  const code = codeOf(error)
  switch (code) {
    case '28P01':
    case '28000':
      return `the server refuses the user or the password; check both in ${variable}`
    case '3D000':
      return `there is no database of this name; create it or correct the name in ${variable}`
    case 'TLS_NOT_OFFERED':
      return `the server does not offer TLS; append sslmode=disable to ${variable} if the network is trusted`
    case 'CONNECTION_ENDED':
      return 'it was closed while it was waited for'
    case 'EACCES':
      return `the socket is closed to this account; run as another one or correct ${variable}`
  }
  if (/CERT|SIGNATURE|ISSUER|ERR_TLS|ERR_SSL/.test(code)) {
    return (
      `its certificate is not trusted (${code}); set DATABASE_CA_CERT to the file of its certificate authority, ` +
      `or append sslmode=no-verify to ${variable}`
    )
  }
  const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  if (UNKNOWN_TENANT.test(message)) {
    return `the pooler does not know this user; it has the form postgres.<project> in ${variable}`
  }
  return `the server refuses the connection (${code}: ${message}); check ${variable}`
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
