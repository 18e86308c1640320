/** What no Postgres text can hold: the zero character, and half of a surrogate pair. */
const UNSTORABLE = /[\0\p{Surrogate}]/u

/** Whether JSON source may hold such a character: it can only come escaped. */
const SUSPECT = /\\u(0000|d[89a-f])/i

/**
 * The place (a JSON pointer) of the first text within `value` that cannot be stored, keys included; undefined when all
 * can. `source` is the JSON it was parsed from: nearly always a look at it is enough.
 */
export function findUnstorable(value: unknown, source: string): string | undefined {
  if (!SUSPECT.test(source)) return undefined
  // A stack of our own, for a body may be nested deeper than calls can be.
  const rest: { value: unknown; path: string }[] = [{ value, path: '' }]
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { value: inner, path } = next
    if (typeof inner === 'string' && UNSTORABLE.test(inner)) return path
    if (typeof inner !== 'object' || inner === null) continue
    for (const [key, child] of Object.entries(inner)) {
      if (UNSTORABLE.test(key)) return path
      rest.push({ value: child, path: `${path}/${key}` })
    }
  }
  return undefined
}
