import type { Sql } from 'postgres'
import { describeOpened, findOpened } from './api-roles.ts'
import { RELIED_ON } from './manners.ts'

/** The oldest that the statements here are written for. */
const OLDEST_VERSION = 14
const ENCODING = 'UTF8'
/** Clocks that far apart are worth a word; leases and tokens are compared between them. */
const DOUBTFUL_CLOCK_MS = 5_000
/** Tokens and leases of one instance are past, or not yet begun, for another. */
const WRONG_CLOCK_MS = 120_000

export type ServerFindings = {
  /** What keeps the server from working as it should, one line each: in the way of a start. */
  readonly settings: readonly string[]
  /** What has to be put right while it serves: open tables, a clock that is minutes off. */
  readonly faults: readonly string[]
  /** What an operator should know. */
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
 * Looks at what is of the server, the database and the role, and not of a table: two short queries.
 * Rejects when the database is away.
 *
 * @param now the clock of this process, in milliseconds since the epoch.
 */
export async function verifyServer(sql: Sql, now: () => number = Date.now): Promise<ServerFindings> {
  const before = now()
  const state = await readState(sql)
  const after = now()
  const opened = describeOpened(await findOpened(sql))
  const clock = clockOf(state.now - (before + after) / 2, (after - before) / 2)
  const isOld = state.version < OLDEST_VERSION * 10_000
  const version = Math.floor(state.version / 10_000)
  return {
    settings: settingFaults(state),
    faults: [...(opened === undefined ? [] : [opened]), ...clock.faults],
    doubts: [
      ...(isOld
        ? [`PostgreSQL ${version} is older than ${OLDEST_VERSION}, the oldest version that is supported`]
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
  if (state === undefined) throw new Error('the database answered nothing')
  return state
}

/** Each line names what is set, what it has to be, and the statement that sets it for new connections. */
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

/** @param uncertainMs the question and its answer took as long, one way. */
function clockOf(aheadMs: number, uncertainMs: number): Pick<ServerFindings, 'faults' | 'doubts'> {
  const surelyMs = Math.abs(aheadMs) - uncertainMs
  if (surelyMs < DOUBTFUL_CLOCK_MS) return { faults: [], doubts: [] }
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const line =
    `the clock of the database is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the clock of this machine: ` +
    'set both by NTP'
  return surelyMs < WRONG_CLOCK_MS ? { faults: [], doubts: [line] } : { faults: [line], doubts: [] }
}
