import { getTableColumns, getTableName } from 'drizzle-orm'
import { getTableConfig, type PgColumn } from 'drizzle-orm/pg-core'
import { selectQueriedFields } from '../domain/report/queried.ts'
import type { SealedPlace } from '../lib/sealing.ts'
import {
  baselines,
  cbtFindings,
  conversations,
  counselings,
  emotionWindows,
  feedbacks,
  reports,
  sessions,
  voiceWindows,
} from './schema/index.ts'

/**
 * How a row is named in the associated data of its sealed values, so that a value opens only in its own row. The name
 * must be known before the insert; rows with only a generated number are bound to their owner.
 */
type RowName<Row> = {
  /** The properties of the row that form the name. */
  readonly from: readonly (keyof Row & string)[]
  readonly toName: (row: Row) => string
}

const OWNER_ONLY: RowName<void> = { from: [], toName: () => '' }

const BY_SESSION: RowName<{ readonly sessionId: string }> = {
  from: ['sessionId'],
  toName: ({ sessionId }) => sessionId,
}

const BY_WINDOW: RowName<{ readonly sessionId: string; readonly window: number }> = {
  from: ['sessionId', 'window'],
  toName: ({ sessionId, window }) => `${sessionId} ${window}`,
}

/** No two findings of a session have the same time. */
const BY_FINDING: RowName<{ readonly sessionId: string; readonly at: Date }> = {
  from: ['sessionId', 'at'],
  toName: ({ sessionId, at }) => `${sessionId} ${at.toISOString()}`,
}

/** A session has one exchange at a time. */
const BY_EXCHANGE: RowName<{ readonly sessionId: string; readonly createdAt: Date }> = {
  from: ['sessionId', 'createdAt'],
  toName: ({ sessionId, createdAt }) => `${sessionId} ${createdAt.toISOString()}`,
}

/** A baseline is copied between the user's row and the session's row without being decrypted. */
const NEUTRAL_FACE = 'baseline'

/** An encrypted column. */
export type SealedColumn<Row = never> = {
  readonly table: string
  readonly column: string
  readonly type: 'text' | 'bytea' | 'jsonb'
  /** The place with which the value of this row is sealed and opened. */
  readonly at: (row: Row) => SealedPlace
  /** The columns of a row that `at` requires, by property. */
  readonly rowName: Readonly<Record<string, PgColumn>>
  readonly primaryKey: readonly PgColumn[]
  /** Whether its rows contain the user id; otherwise they belong to a session. */
  readonly hasOwner: boolean
}

const SEALED_TYPES = ['text', 'bytea', 'jsonb'] as const

function sealed<Row>(
  column: PgColumn,
  { from, toName }: RowName<Row>,
  { name, ...shown }: { readonly name?: string } & Pick<SealedPlace, 'shown'> = {},
): SealedColumn<Row> {
  const table = getTableName(column.table)
  const columns: Readonly<Record<string, PgColumn>> = getTableColumns(column.table)
  const type = SEALED_TYPES.find((known) => known === column.getSQLType())
  if (type === undefined) throw new TypeError(`${table}.${column.name} is of a type that is never sealed`)
  const place = name ?? `${table}.${column.name}`
  return {
    table,
    column: column.name,
    type,
    at: (row) => ({ column: place, row: toName(row), ...shown }),
    rowName: Object.fromEntries(Object.entries(columns).filter(([key]) => from.some((one) => one === key))),
    primaryKey: primaryKeyOf(column.table),
    hasOwner: columns['userId'] !== undefined,
  }
}

function primaryKeyOf(table: PgColumn['table']): readonly PgColumn[] {
  const { columns, primaryKeys } = getTableConfig(table)
  const names = primaryKeys[0]?.columns.map(({ name }) => name)
  return columns.filter(({ name, primary }) => names?.includes(name) ?? primary)
}

/**
 * Every encrypted column, by table. Values are sealed and opened with these places; re-encryption processes the whole
 * list.
 */
export const SEALED = {
  baselines: { measures: sealed(baselines.measures, OWNER_ONLY, { name: NEUTRAL_FACE }) },
  sessions: { baseline: sealed(sessions.baseline, OWNER_ONLY, { name: NEUTRAL_FACE }) },
  emotionWindows: {
    measures: sealed(emotionWindows.measures, BY_WINDOW),
    sttSnippet: sealed(emotionWindows.sttSnippet, BY_WINDOW),
    intervention: sealed(emotionWindows.intervention, BY_WINDOW),
  },
  voiceWindows: { measures: sealed(voiceWindows.measures, BY_WINDOW) },
  cbtFindings: {
    detections: sealed(cbtFindings.detections, BY_FINDING),
    intervention: sealed(cbtFindings.intervention, BY_FINDING),
  },
  reports: { content: sealed(reports.content, BY_SESSION, { shown: selectQueriedFields }) },
  conversations: {
    message: sealed(conversations.message, BY_EXCHANGE),
    response: sealed(conversations.response, BY_EXCHANGE),
  },
  counselings: {
    notes: sealed(counselings.notes, OWNER_ONLY),
    survey: sealed(counselings.survey, OWNER_ONLY),
  },
  feedbacks: { note: sealed(feedbacks.note, OWNER_ONLY) },
}

export const SEALED_COLUMNS: readonly SealedColumn[] = Object.values(SEALED).flatMap((columns) =>
  Object.values<SealedColumn>(columns),
)

/** Binary columns that are not sealed: a data key is wrapped with an operator key (`lib/wrapping.ts`). */
export const PLAIN_BYTES: readonly string[] = ['users.data_key']
