import { isIP } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Advice } from '../lib/advice.ts'
import type { Database } from './client.ts'
import { isPassing } from './faults.ts'

const ATTEMPT_DEADLINE_MS = 10_000
const MIN_PAUSE_MS = 100
const MAX_PAUSE_MS = 3_000

/** Errors that waiting does not resolve: user, database, privilege, host or TLS. */
const PERMANENT =
  /^(28P01|28000|3D000|42501|CONNECTION_ENDED|TLS_NOT_OFFERED|EACCES|EPROTO)$|CERT|SIGNATURE|ISSUER|ERR_TLS|ERR_SSL/
/** Errors of multi-tenant poolers for an unknown database. */
const UNKNOWN_TENANT = /tenant or user not found|tenant\/user .*not found|no tenant identifier/i
/** Errors of Postgres, PgBouncer, Neon and Azure. */
const REQUIRES_TLS = /no encryption|SSL off|connection is insecure|\b(SSL|TLS)\b.*required/i

type WaitOptions = {
  /** How long to wait for an unavailable database; 0 tries once. */
  readonly deadlineMs: number
  /** The variable that contains the address, for the error message. */
  readonly variable?: string
  /** Called after each failed attempt with its error code, the pause before the next one, and the server's message. */
  readonly onRetry?: (reason: string, pauseMs: number, sentence: string | undefined) => void
}

/**
 * Resolves when the database answers. Waits, with growing and jittered pauses, while it is starting or unreachable.
 * Rejects with a one-line message that names the setting to change: immediately for errors that waiting does not
 * resolve (password, name, certificate), otherwise after the deadline.
 */
export async function waitForDatabase(
  database: Pick<Database, 'sql' | 'description'>,
  { deadlineMs, variable = 'DATABASE_URL', onRetry }: WaitOptions,
): Promise<void> {
  const deadline = Date.now() + deadlineMs
  for (let longestPauseMs = MIN_PAUSE_MS; ; longestPauseMs = Math.min(2 * longestPauseMs, MAX_PAUSE_MS)) {
    const error = await attempt(database)
    if (error === undefined) return
    if (!isTransient(error)) throw failureOf(database, adviceFor(error, variable), error)
    const pauseMs = Math.round(longestPauseMs * (0.5 + Math.random() / 2))
    if (Date.now() + pauseMs > deadline) throw failureOf(database, reportOf(error, variable), error)
    onRetry?.(codeOf(error), pauseMs, sentenceOf(error))
    await delay(pauseMs)
  }
}

/** Tries to reach the database once; undefined when it answers. */
export async function findUnavailability(
  database: Pick<Database, 'sql'>,
  variable: string,
): Promise<Advice | undefined> {
  const error = await attempt(database)
  return error === undefined ? undefined : describeUnavailability(error, variable)
}

/** The cause of an error of a connection, and what to do. */
export const describeUnavailability = (error: unknown, variable: string): Advice =>
  isTransient(error) ? reportOf(error, variable) : adviceFor(error, variable)

const failureOf = ({ description }: Pick<Database, 'description'>, { cause, mend }: Advice, error: unknown) =>
  new Error(`${description}: ${cause}${mend === null ? '' : `; ${mend}`}`, { cause: error })

/** The error of one attempt, or undefined. An attempt without an answer in time is a `CONNECT_TIMEOUT`. */
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

function isTransient(error: unknown): boolean {
  const message = error instanceof Error ? error.message : ''
  return (
    isPassing(error) &&
    !PERMANENT.test(codeOf(error)) &&
    !UNKNOWN_TENANT.test(message) &&
    !REQUIRES_TLS.test(message)
  )
}

/** The advice for a server that did not become available. */
function reportOf(error: unknown, variable: string): Advice {
  const code = codeOf(error)
  const sentence = sentenceOf(error)
  const report = `not reachable (${code})${sentence === undefined ? '' : `: ${sentence}`}`
  if (isUnreachableIpv6(error)) {
    return {
      cause: `${report}: its name has IPv6 addresses alone, and this network does not reach them`,
      mend: `use a name that has an IPv4 address in ${variable} (at Supabase the session pooler, under Connect)`,
    }
  }
  if (code === 'ENOTFOUND')
    return { cause: `${report}: its host name does not resolve`, mend: `check the host in ${variable}` }
  return { cause: report, mend: `check that it runs and that ${variable} names it` }
}

function adviceFor(error: unknown, variable: string): Advice {
  const code = codeOf(error)
  const sentence = sentenceOf(error) ?? ''
  if (REQUIRES_TLS.test(sentence))
    return { cause: `the server wants TLS (${sentence})`, mend: `append sslmode=require to ${variable}` }
  if (UNKNOWN_TENANT.test(sentence)) {
    return {
      cause: `the pooler does not know this user or project (${sentence})`,
      mend:
        `copy host and user from Connect in the dashboard into ${variable} (the user has the form ` +
        'postgres.<project>, and the host names the cluster of the project), and look whether the project is paused',
    }
  }
  const known = adviceForCode(code, sentence, variable)
  if (known !== undefined) return known
  if (/CERT|SIGNATURE|ISSUER|ERR_TLS|ERR_SSL/.test(code)) {
    return {
      cause: `its certificate is not trusted (${code})`,
      mend:
        'set DATABASE_CA_CERT to the file of its certificate authority, ' +
        `or append sslmode=no-verify to ${variable}`,
    }
  }
  const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  return {
    cause: `the server refuses the connection (${code}: ${withoutNames(message)})`,
    mend: `check ${variable}`,
  }
}

function adviceForCode(code: string, sentence: string, variable: string): Advice | undefined {
  switch (code) {
    case '28P01':
    case '28000':
      return {
        cause: `the server refuses the user or the password (${sentence})`,
        mend: `check both in ${variable}`,
      }
    case '3D000':
      return {
        cause: 'there is no database of this name',
        mend: `create it or correct the name in ${variable}`,
      }
    case 'TLS_NOT_OFFERED':
      return {
        cause: 'the server does not offer TLS',
        mend: `append sslmode=disable to ${variable} if the network is trusted`,
      }
    case 'CONNECTION_ENDED':
      return { cause: 'it was closed during the wait', mend: null }
    case 'EACCES':
      return {
        cause: 'the socket is closed to this account',
        mend: `run as another one or correct ${variable}`,
      }
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        cause: `its certificate is for another name (${code})`,
        mend: `put a name that the certificate has into ${variable}`,
      }
    case 'CERT_HAS_EXPIRED':
      return { cause: `its certificate has expired (${code})`, mend: 'renew it there' }
    default:
      return undefined
  }
}

/** The first line of the server's message, without user names; undefined when there is none. */
export function sentenceOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error)) return undefined
  return withoutNames(error.message.split('\n')[0] ?? '')
}

const withoutNames = (text: string): string =>
  text.replace(/\b(user|role) "[^"]*"/gi, '$1 "…"').replace(/(tenant\/user) \S+/gi, '$1 …')

/** Whether all tried addresses are unreachable IPv6 addresses. */
function isUnreachableIpv6(error: unknown): boolean {
  const tries: unknown[] = error instanceof AggregateError ? error.errors : [error]
  return tries.every(
    (one) =>
      one instanceof Error &&
      /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL)$/.test(codeOf(one)) &&
      'address' in one &&
      isIP(String(one.address)) === 6,
  )
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
