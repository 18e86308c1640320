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

type State = {
  readonly role: string
  readonly database: string
  readonly version: number
  readonly encoding: string
  readonly schema: string | null
  readonly now: number
  readonly settings: Readonly<Record<string, string>>
}

/**
 * Checks the server, the database and the role, not the tables, with two short queries.
 * Rejects when the database is unavailable.
 *
 * @param now the clock of this process, in milliseconds since the epoch.
 */
export async function verifyServer(sql: Sql, now: () => number = Date.now): Promise<ServerFindings> {
  const before = now()
  const state = await readState(sql)
  const after = now()
  const opened = describeOpened(await findOpened(sql))
  const clock = checkClock(state.now - (before + after) / 2, (after - before) / 2)
  const isOld = state.version < MIN_VERSION * 10_000
  const version = Math.floor(state.version / 10_000)
  return {
    settings: settingFaults(state),
    faults: [...(opened === undefined ? [] : [opened]), ...clock.faults],
    doubts: [
      ...(isOld
        ? [`PostgreSQL ${version} is older than ${MIN_VERSION}, the oldest version that is supported`]
        : []),
      ...clock.doubts,
    ],
  }
}

async function readState(sql: Sql): Promise<State> {
  const names = Object.keys(RELIED_ON)
  const [state] = await sql<State[]>`
    select
      current_user as role, current_database() as database, (current_schemas(false))[1] as schema,
      current_setting('server_version_num')::int as version,
      current_setting('server_encoding') as encoding,
      (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
      (
        select json_object_agg(name, current_setting(name)) from json_array_elements_text(${JSON.stringify(names)}::text::json) name
      ) as settings`
  if (state === undefined) throw new Error('the database returned no row')
  return state
}

/** Each line contains the actual and the required value, and the statement that sets it for new connections. */
function settingFaults({ role, database, encoding, schema, settings }: State): string[] {
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

/** @param uncertainMs half the round-trip time. */
function checkClock(aheadMs: number, uncertainMs: number): Pick<ServerFindings, 'faults' | 'doubts'> {
  const minDifferenceMs = Math.abs(aheadMs) - uncertainMs
  if (minDifferenceMs < DOUBTFUL_CLOCK_MS) return { faults: [], doubts: [] }
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const line =
    `the clock of the database is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the clock of this machine: ` +
    'set both by NTP'
  return minDifferenceMs < WRONG_CLOCK_MS ? { faults: [], doubts: [line] } : { faults: [line], doubts: [] }
}
