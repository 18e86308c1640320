import { randomBytes } from 'node:crypto'
import type postgres from 'postgres'
import { SEALED_COLUMNS, type SealedColumn } from '../../db/sealed-columns.ts'
import {
  createSafe,
  isSealedValue,
  KEY_BYTES,
  type Safe,
  type SealedPlace,
  SealError,
} from '../../lib/sealing.ts'
import type { Wrapping } from '../../lib/wrapping.ts'

const USERS_PER_PAGE = 200
const ROWS_PER_PAGE = 200

type Outcome = {
  readonly users: number
  readonly wrapped: number
  readonly sealed: number
  /** Users whose key could not be opened; their data was not changed. */
  readonly failed: readonly { readonly userId: number; readonly reason: string }[]
}

type Options = {
  /** Whether data from before encryption was enabled is encrypted. */
  readonly sealsFields: boolean
  /** Called after each user, with the number of users so far. */
  readonly onProgress?: (users: number) => void
}

/**
 * Wraps every user's data key with the current operator key and, if asked for, encrypts data from before encryption was
 * enabled. Updates each row only if it has not changed since it was read. May run beside servers, be interrupted, and be
 * run again.
 */
export async function reencrypt(
  sql: postgres.Sql,
  wrapping: Wrapping,
  { sealsFields, onProgress }: Options,
): Promise<Outcome> {
  const failed: { userId: number; reason: string }[] = []
  let users = 0
  let wrapped = 0
  let sealed = 0
  for (let after = 0; ; ) {
    const rows = await sql`select id from users where id > ${after} order by id limit ${USERS_PER_PAGE}`
    for (const row of rows) {
      const userId = Number(row['id'])
      after = userId
      users++
      try {
        const { key, isNew } = await rewrap(sql, wrapping, userId)
        if (isNew) wrapped++
        const safe = createSafe(key, String(userId))
        for (const column of sealsFields ? SEALED_COLUMNS : [])
          sealed += await sealRows(sql, column, userId, safe)
      } catch (error) {
        if (!(error instanceof SealError)) throw error
        failed.push({ userId, reason: error.message })
      }
      onProgress?.(users)
    }
    if (rows.length < USERS_PER_PAGE) return { users, wrapped, sealed, failed }
  }
}

/** Wraps the user's data key with the current operator key; creates it if there is none. */
const rewrap = async (sql: postgres.Sql, wrapping: Wrapping, userId: number) =>
  sql.begin(async (tx) => {
    const [row] = await tx`select data_key from users where id = ${userId} for no key update`
    const stored = (row?.['data_key'] ?? null) as Uint8Array | null // bytea
    const opened = stored === null ? undefined : wrapping.open(stored, userId)
    const key = opened?.key ?? new Uint8Array(randomBytes(KEY_BYTES))
    if (opened?.isCurrent === true) return { key, isNew: false }
    await tx`update users set data_key = ${wrapping.wrap(key, userId)} where id = ${userId}`
    return { key, isNew: true }
  })

/** The join of a column's rows to `owner.id`. */
const joinOwner = ({ hasOwner }: SealedColumn) =>
  hasOwner
    ? 'join users owner on owner.id = field.user_id'
    : 'join sessions s on s.id = field.session_id join users owner on owner.id = s.user_id'

/** Encrypts the user's rows of one column, in pages by primary key. */
async function sealRows(
  sql: postgres.Sql,
  sealed: SealedColumn,
  userId: number,
  safe: Safe,
): Promise<number> {
  const { table, column, primaryKey, rowName } = sealed
  const names = primaryKey.map(({ name }) => `field."${name}"`).join(', ')
  const extra = Object.values(rowName)
    .map(({ name }) => `, field."${name}"`)
    .join('')
  const placeholders = (from: number) =>
    primaryKey.map((key, i) => `$${i + from}::text::${key.getSQLType()}`).join(', ')
  let done = 0
  for (let after: string[] | undefined; ; ) {
    const afterPage = after === undefined ? '' : `and (${names}) > (${placeholders(2)})`
    const rows = await sql.unsafe(
      `select ${names}${extra}, field."${column}" as content from "${table}" field ${joinOwner(sealed)}
       where owner.id = $1 and field."${column}" is not null ${afterPage} order by ${names} limit ${ROWS_PER_PAGE}`,
      [userId, ...(after ?? [])],
    )
    for (const row of rows) {
      after = primaryKey.map(({ name }) => String(row[name]))
      if (await sealRow(sql, sealed, row, safe)) done++
    }
    if (rows.length < ROWS_PER_PAGE) return done
  }
}

async function sealRow(
  sql: postgres.Sql,
  { table, column, type, primaryKey, at, rowName }: SealedColumn,
  row: postgres.Row,
  safe: Safe,
): Promise<boolean> {
  const stored: unknown = row['content']
  const isJson = type === 'jsonb'
  // This driver returns jsonb as text.
  const content: unknown = isJson && typeof stored === 'string' ? (JSON.parse(stored) as unknown) : stored
  if (isSealedValue(content)) return false
  const named = Object.entries(rowName).map(([key, part]) => [key, part.mapFromDriverValue(row[part.name])])
  const place = at(Object.fromEntries(named) as never) // the properties that this column's place requires
  const sealed = isJson ? safe.sealJson(content as object, place) : sealPlain(content, place, safe) // always an object or a list
  const via = isJson ? '::text' : ''
  const toParameter = (value: unknown) => (isJson ? JSON.stringify(value) : value) as string
  const where = primaryKey
    .map((key, i) => `"${key.name}" = $${i + 3}::text::${key.getSQLType()}`)
    .join(' and ')
  const result = await sql.unsafe(
    `update "${table}" set "${column}" = $1${via}::${type}
     where ${where} and "${column}" = $2${via}::${type}`,
    [toParameter(sealed), toParameter(content), ...primaryKey.map(({ name }) => String(row[name]))],
  )
  return result.count > 0
}

function sealPlain(content: unknown, place: SealedPlace, safe: Safe): string | Uint8Array {
  // Removes the plain-text prefix before sealing.
  return safe.seal(safe.open(content as string | Uint8Array, place), place) // by the type of the column
}
