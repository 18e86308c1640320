import { splitList } from './formats.ts'

/** Kinds of data with their own retention period; `audit` is the audit trail, the others are user data. */
const RETAINED = ['sessions', 'conversations', 'counselings', 'feedback', 'audit'] as const
type Retained = (typeof RETAINED)[number]

const KEY_BYTES = 32
const MAX_DAYS = 36_500
const KEY = /^([A-Za-z0-9._-]{1,64}):([A-Za-z0-9+/_-]+={0,2})$/
const SPAN = /^(?:([a-z]+)=)?([1-9]\d{0,4})$/

/** Parses the keys in base64, the current one first; empty without encryption. */
export const parseDataKeys = (text: string | undefined) =>
  splitList(text).map((item) => {
    const [, id = '', key = ''] = KEY.exec(item) ?? []
    return { id, key }
  })

export function checkDataKeys(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const keys = parseDataKeys(text)
  const isWhole = ({ id, key }: (typeof keys)[number]) =>
    id !== '' && Buffer.from(key, 'base64').length === KEY_BYTES
  if (keys.length === 0 || !keys.every(isWhole))
    return 'must be a comma-separated list of id:key, each key 32 bytes in base64 (openssl rand -base64 32)'
  if (new Set(keys.map(({ id }) => id)).size < keys.length) return 'contains the same key id twice'
  return undefined
}

export function checkBackupKey(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const isWhole = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) && Buffer.from(text, 'base64').length === KEY_BYTES
  return isWhole ? undefined : 'must be 32 bytes in base64 (openssl rand -base64 32)'
}

/** Parses the retention days by kind; other kinds are kept. A single number applies to every kind. */
export function parseRetentionDays(text: string | undefined): Readonly<Partial<Record<Retained, number>>> {
  const days: Partial<Record<Retained, number>> = {}
  for (const item of splitList(text)) {
    const [, name, digits] = SPAN.exec(item) ?? []
    for (const kind of RETAINED) if (name === undefined || name === kind) days[kind] = Number(digits)
  }
  return days
}

export function checkRetention(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const items = splitList(text).map((item) => SPAN.exec(item))
  const isKnown = (found: RegExpExecArray | null) =>
    found !== null &&
    (found[1] === undefined || RETAINED.some((kind) => kind === found[1])) &&
    Number(found[2]) <= MAX_DAYS
  const names = items.map((found) => found?.[1])
  if (items.length === 0 || !items.every(isKnown))
    return `must be a number of days, or a comma-separated list of kind=days with the kinds ${RETAINED.join(', ')}`
  return new Set(names).size < names.length ? 'contains the same kind twice' : undefined
}
