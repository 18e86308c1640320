/** What can be given a length of life of its own; `audit` is the trail, the rest is what people have left here. */
export const RETAINED = ['sessions', 'conversations', 'counselings', 'feedback', 'audit'] as const
export type Retained = (typeof RETAINED)[number]

const KEY_BYTES = 32
const MOST_DAYS = 36_500
const KEY = /^([A-Za-z0-9._-]{1,64}):([A-Za-z0-9+/_-]+={0,2})$/
const SPAN = /^(?:([a-z]+)=)?([1-9]\d{0,4})$/

const list = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** The operator's keys in base64, the current one first; empty while nothing is to be encrypted. */
export const dataKeys = (text: string | undefined) =>
  list(text).map((item) => {
    const [, id = '', key = ''] = KEY.exec(item) ?? []
    return { id, key }
  })

export function dataKeysFault(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const keys = dataKeys(text)
  const isWhole = ({ id, key }: (typeof keys)[number]) =>
    id !== '' && Buffer.from(key, 'base64').length === KEY_BYTES
  if (keys.length === 0 || !keys.every(isWhole))
    return 'must be id:key in a comma list, each key 32 bytes in base64 (openssl rand -base64 32)'
  if (new Set(keys.map(({ id }) => id)).size < keys.length) return 'names a key twice'
  return undefined
}

/** By kind: days after which it is erased; a kind that is not named is kept. A number alone counts for every kind. */
export function retentionDays(text: string | undefined): Readonly<Partial<Record<Retained, number>>> {
  const days: Partial<Record<Retained, number>> = {}
  for (const item of list(text)) {
    const [, name, digits] = SPAN.exec(item) ?? []
    for (const kind of RETAINED) if (name === undefined || name === kind) days[kind] = Number(digits)
  }
  return days
}

export function retentionFault(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const items = list(text).map((item) => SPAN.exec(item))
  const isKnown = (found: RegExpExecArray | null) =>
    found !== null &&
    (found[1] === undefined || RETAINED.some((kind) => kind === found[1])) &&
    Number(found[2]) <= MOST_DAYS
  const names = items.map((found) => found?.[1])
  if (items.length === 0 || !items.every(isKnown))
    return `must be a number of days, or kind=days in a comma list of ${RETAINED.join(', ')}`
  return new Set(names).size < names.length ? 'names a kind twice' : undefined
}
