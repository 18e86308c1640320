import type { Sql } from 'postgres'
import { describeOpened, findOpened } from './api-roles.ts'
import { RELIED_ON } from './connection-mode.ts'

/** The oldest supported version of PostgreSQL. */
const MIN_VERSION = 14
const ENCODING = 'UTF8'
/** A difference that is reported as a doubt: leases and tokens are compared between the clocks. */
const DOUBTFUL_CLOCK_MS = 5_000
/** A difference that is a fault: tokens and leases of one instance are expired or not yet valid for another. */
const WRONG_CLOCK_MS = 120_000

export type ServerFindings = {
  /** Wrong settings, one line each; they prevent the start. */
  readonly settings: readonly string[]
  /** Faults to be corrected during operation: privileges of API roles, a clock that is wrong by minutes. */
  readonly faults: readonly string[]
  /** Warnings for the operator. */
  readonly doubts: readonly string[]
}

export type ServerState = {
  readonly role: string
  readonly database: string
  readonly version: number
  readonly encoding: string
  readonly schema: string | null
  readonly writes: 'taken' | 'standby' | 'read only'
  readonly settings: Readonly<Record<string, string>>
  /** By how much the clock of the database is ahead of that of this process. */
  readonly clock: ClockDifference
}

/** @property uncertainMs half the round-trip time. */
export type ClockDifference = { readonly aheadMs: number; readonly uncertainMs: number }

type RawState = Omit<ServerState, 'clock'> & { readonly now: number }

/**
 * Checks the server, the database and the role, not the tables, with two short queries.
 * Rejects when the database is unavailable.
 *
 * @param now the clock of this process, in milliseconds since the epoch.
 */
export async function verifyServer(sql: Sql, now: () => number = Date.now): Promise<ServerFindings> {
  const { faults, ...found } = checkServer(await readServerState(sql, now))
  const opened = describeOpened(await findOpened(sql))
  return { ...found, faults: [...(opened === undefined ? [] : [opened]), ...faults] }
}

/** The findings of one state, without those about privileges. */
export function checkServer(state: ServerState): ServerFindings {
  const clock = checkClock(state.clock)
  const old = describeOldVersion(state)
  return {
    settings: settingFaults(state),
    faults: clock.faults,
    doubts: [...(old === undefined ? [] : [old]), ...clock.doubts],
  }
}

/** One line for a version that is not supported. */
export function describeOldVersion({ version }: Pick<ServerState, 'version'>): string | undefined {
  if (version >= MIN_VERSION * 10_000) return undefined
  const found = Math.floor(version / 10_000)
  return `PostgreSQL ${found} is older than ${MIN_VERSION}, the oldest version that is supported`
}

/** Rejects when the database is unavailable. */
export async function readServerState(sql: Sql, now: () => number = Date.now): Promise<ServerState> {
  const names = Object.keys(RELIED_ON)
  const before = now()
  const [state] = await sql<RawState[]>`
    select
      current_user as role, current_database() as database, (current_schemas(false))[1] as schema,
      current_setting('server_version_num')::int as version,
      current_setting('server_encoding') as encoding,
      case
        when pg_is_in_recovery() then 'standby'
        when current_setting('transaction_read_only') = 'on' then 'read only'
        else 'taken'
      end as writes,
      (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
      (
        select json_object_agg(name, current_setting(name)) from json_array_elements_text(${JSON.stringify(names)}::text::json) name
      ) as settings`
  const after = now()
  if (state === undefined) throw new Error('the database returned no row')
  const clock = { aheadMs: state.now - (before + after) / 2, uncertainMs: (after - before) / 2 }
  return { ...state, clock }
}

/** Each line contains the actual and the required value, and the statement that sets it for new connections. */
export function settingFaults({ role, database, encoding, schema, settings }: ServerState): string[] {
  const faults: string[] = []
  if (encoding !== ENCODING) {
    faults.push(
      `the encoding of the database is ${encoding} and has to be ${ENCODING}: CREATE DATABASE with ENCODING '${ENCODING}' ` +
        'and TEMPLATE template0, and move the data there',
    )
  }
  for (const [name, wanted] of Object.entries(RELIED_ON)) {
    const found = name === 'search_path' ? (schema ?? 'nothing') : (settings[name] ?? '')
    if (isFit(name, found, wanted)) continue
    const shown = name === 'search_path' ? `${name} leads to ${found}` : `${name} is ${found}`
    faults.push(
      `${shown} and has to be ${wanted}: ALTER ROLE "${role}" IN DATABASE "${database}" SET ${name} = '${wanted}'`,
    )
  }
  return faults
}

function isFit(name: string, found: string, wanted: string): boolean {
  switch (name) {
    case 'DateStyle':
      return found.startsWith('ISO')
    case 'TimeZone':
      return true // instants carry their offset
    case 'extra_float_digits':
      return Number(found) >= Number(wanted)
    default:
      return found === wanted
  }
}

/** The difference that is certain. */
export const certainMs = ({ aheadMs, uncertainMs }: ClockDifference) => Math.abs(aheadMs) - uncertainMs

/** One line for a clock that differs. */
export function describeClock({ aheadMs }: ClockDifference): string {
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  return (
    `the clock of the database is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the clock of this machine: ` +
    'set both by NTP'
  )
}

function checkClock(clock: ClockDifference): Pick<ServerFindings, 'faults' | 'doubts'> {
  if (certainMs(clock) < DOUBTFUL_CLOCK_MS) return { faults: [], doubts: [] }
  const line = describeClock(clock)
  return certainMs(clock) < WRONG_CLOCK_MS ? { faults: [], doubts: [line] } : { faults: [line], doubts: [] }
}
