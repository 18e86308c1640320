import { getTableName, is } from 'drizzle-orm'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import t from 'tap'
import * as schema from '../../src/db/schema/index.ts'
import { PLAIN_BYTES, SEALED, SEALED_COLUMNS } from '../../src/db/sealed-columns.ts'
import { expectedSchema } from '../../src/db/verify.ts'

/** Of every table, as in the database. */
const COLUMNS = expectedSchema().flatMap(({ name: table, columns }) =>
  columns.map(({ name, type }) => ({ name: `${table}.${name}`, type })),
)

t.test('every binary column is sealed or listed as plain', async (t) => {
  const named = [
    ...SEALED_COLUMNS.filter(({ type }) => type === 'bytea').map(({ table, column }) => `${table}.${column}`),
    ...PLAIN_BYTES,
  ]
  t.same(
    named.toSorted(),
    COLUMNS.filter(({ type }) => type === 'bytea')
      .map(({ name }) => name)
      .toSorted(),
  )
})

t.test('every sealed column exists in the schema with its type and is listed once', async (t) => {
  const names = SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`)
  t.equal(new Set(names).size, names.length)
  for (const { table, column, type, primaryKey } of SEALED_COLUMNS) {
    t.strictSame(
      COLUMNS.filter(({ name }) => name === `${table}.${column}`),
      [{ name: `${table}.${column}`, type }],
    )
    t.ok(primaryKey.length > 0, `rows of ${table} have a key`)
    for (const key of primaryKey) t.match(key.getSQLType(), /^(text|bigint|integer)$/, `${table}.${key.name}`)
  }
})

t.test('the erasure of a user deletes every sealed row', async (t) => {
  const parents = new Map<string, readonly string[]>()
  for (const table of Object.values(schema)) {
    if (!is(table, PgTable)) continue
    const { name, foreignKeys } = getTableConfig(table)
    const cascading = foreignKeys.filter(({ onDelete }) => onDelete === 'cascade')
    parents.set(
      name,
      cascading.map((key) => getTableName(key.reference().foreignTable)),
    )
  }
  const hangsOnPerson = (table: string): boolean =>
    table === 'users' || (parents.get(table) ?? []).some(hangsOnPerson)
  for (const { table } of SEALED_COLUMNS) t.ok(hangsOnPerson(table), table)
  t.ok(hangsOnPerson('conversation_locks'), 'and locks, which name a session')
  t.notOk(hangsOnPerson('model_usage'), 'what is of no person stays')
})

t.test('values of earlier versions are opened with the same places', async (t) => {
  const at = new Date(0)
  const exchange = { sessionId: 's', createdAt: at }
  const finding = { sessionId: 's', at }
  const window = { sessionId: 's', window: 7 }
  const { baselines, sessions, emotionWindows, voiceWindows, cbtFindings } = SEALED
  const { reports, conversations, counselings, feedbacks } = SEALED
  const places = [
    baselines.measures.at(),
    sessions.baseline.at(),
    emotionWindows.measures.at(window),
    emotionWindows.sttSnippet.at(window),
    emotionWindows.intervention.at(window),
    voiceWindows.measures.at(window),
    cbtFindings.detections.at(finding),
    cbtFindings.intervention.at(finding),
    reports.content.at({ sessionId: 's' }),
    conversations.message.at(exchange),
    conversations.response.at(exchange),
    counselings.notes.at(),
    counselings.survey.at(),
    feedbacks.note.at(),
  ]
  t.equal(places.length, SEALED_COLUMNS.length, 'all of them')
  t.strictSame(
    places.map(({ column, row }) => [column, row]),
    [
      ['baseline', ''],
      ['baseline', ''],
      ['emotion_windows.measures', 's 7'],
      ['emotion_windows.stt_snippet', 's 7'],
      ['emotion_windows.intervention', 's 7'],
      ['voice_windows.measures', 's 7'],
      ['cbt_findings.detections', 's 1970-01-01T00:00:00.000Z'],
      ['cbt_findings.intervention', 's 1970-01-01T00:00:00.000Z'],
      ['reports.content', 's'],
      ['conversations.message', 's 1970-01-01T00:00:00.000Z'],
      ['conversations.response', 's 1970-01-01T00:00:00.000Z'],
      ['counselings.notes', ''],
      ['counselings.survey', ''],
      ['feedbacks.note', ''],
    ],
  )
})
