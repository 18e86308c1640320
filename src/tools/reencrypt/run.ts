import { randomBytes } from 'node:crypto'
import type postgres from 'postgres'
import { createSafe, isSealedValue, KEY_BYTES, type Safe, SealError } from '../../lib/sealing.ts'
import type { Wrapping } from '../../lib/wrapping.ts'
import { SEALED_FIELDS, type SealedField } from './fields.ts'

const PEOPLE = 200
const ROWS = 200

type Outcome = {
  readonly people: number
  readonly wrapped: number
  readonly sealed: number
  /** People whose key could not be opened; nothing of theirs was changed. */
  readonly failed: readonly { readonly userId: number; readonly reason: string }[]
}

/**
 * Wraps every person's data key in the current operator's key, and encrypts what was stored before encryption was
 * switched on. Each row is changed only while it is as it was read, so it may run beside servers, be broken off, and be
 * run again.
 */
export async function reencrypt(sql: postgres.Sql, wrapping: Wrapping): Promise<Outcome> {
  const failed: { userId: number; reason: string }[] = []
  let people = 0
  let wrapped = 0
  let sealed = 0
  for (let after = 0; ; ) {
    const rows = await sql`select id from users where id > ${after} order by id limit ${PEOPLE}`
    for (const row of rows) {
      const userId = Number(row['id'])
      after = userId
      people++
      try {
        const { key, isNew } = await wrapAnew(sql, wrapping, userId)
        if (isNew) wrapped++
        const safe = createSafe(key, String(userId))
        for (const field of SEALED_FIELDS) sealed += await sealRows(sql, field, userId, safe)
      } catch (error) {
        if (!(error instanceof SealError)) throw error
        failed.push({ userId, reason: error.message })
      }
    }
    if (rows.length < PEOPLE) return { people, wrapped, sealed, failed }
  }
}

/** The person's data key under the current operator's key; made when there was none. */
const wrapAnew = async (sql: postgres.Sql, wrapping: Wrapping, userId: number) =>
  sql.begin(async (tx) => {
    const [row] = await tx`select data_key from users where id = ${userId} for no key update`
    const stored = (row?.['data_key'] ?? null) as Uint8Array | null // bytea
    const opened = stored === null ? undefined : wrapping.open(stored, userId)
    const key = opened?.key ?? new Uint8Array(randomBytes(KEY_BYTES))
    if (opened?.isCurrent === true) return { key, isNew: false }
    await tx`update users set data_key = ${wrapping.wrap(key, userId)} where id = ${userId}`
    return { key, isNew: true }
  })

/** Walks through the person's rows of one column by their key. */
async function sealRows(sql: postgres.Sql, field: SealedField, userId: number, safe: Safe): Promise<number> {
  const names = field.key.map(([name]) => `field."${name}"`).join(', ')
  const extra = (field.beside ?? []).map((name) => `, field."${name}"`).join('')
  const marks = (from: number) => field.key.map(([, type], i) => `$${i + from}::text::${type}`).join(', ')
  let done = 0
  for (let after: string[] | undefined; ; ) {
    const beyond = after === undefined ? '' : `and (${names}) > (${marks(2)})`
    const rows = await sql.unsafe(
      `select ${names}${extra}, field."${field.column}" as content from "${field.table}" field ${field.owned}
       where owner.id = $1 and field."${field.column}" is not null ${beyond} order by ${names} limit ${ROWS}`,
      [userId, ...(after ?? [])],
    )
    for (const row of rows) {
      after = field.key.map(([name]) => String(row[name]))
      if (await sealRow(sql, field, row, after, safe)) done++
    }
    if (rows.length < ROWS) return done
  }
}

async function sealRow(
  sql: postgres.Sql,
  field: SealedField,
  row: postgres.Row,
  key: readonly string[],
  safe: Safe,
): Promise<boolean> {
  const stored: unknown = row['content']
  // The driver gives jsonb as text here.
  const content: unknown =
    field.kind === 'json' && typeof stored === 'string' ? (JSON.parse(stored) as unknown) : stored
  if (isSealedValue(content)) return false
  const type = { text: 'text', bytes: 'bytea', json: 'jsonb' }[field.kind]
  const via = field.kind === 'json' ? '::text' : ''
  const written = (value: unknown) => (field.kind === 'json' ? JSON.stringify(value) : value) as string
  const sealed = sealContent(field, content, row, safe)
  const where = field.key.map(([name, kind], i) => `"${name}" = $${i + 3}::text::${kind}`).join(' and ')
  const result = await sql.unsafe(
    `update "${field.table}" set "${field.column}" = $1${via}::${type}
     where ${where} and "${field.column}" = $2${via}::${type}`,
    [written(sealed), written(content), ...key],
  )
  return result.count > 0
}

function sealContent(field: SealedField, content: unknown, row: postgres.Row, safe: Safe): unknown {
  const name = field.rowName(row)
  if (field.kind === 'json') {
    const json = content as Record<string, unknown> // of jsonb, where lists are read as objects
    return safe.sealJson(json, field.place, name, field.shown?.(json))
  }
  // What was marked as plain text is sealed as what it says.
  const plain = safe.open(content as string | Uint8Array, field.place, name) // as the column's type says
  return safe.seal(plain, field.place, name)
}
