/** Characters that Postgres text cannot contain: NUL and unpaired surrogates. */
const UNSTORABLE = /[\0\p{Surrogate}]/u

/** Replaces each such character with U+FFFD. */
export const toStorable = (text: string): string => text.replace(ALL_UNSTORABLE, '\uFFFD')
const ALL_UNSTORABLE = new RegExp(UNSTORABLE, 'gu')

/** Whether JSON source may contain such a character, which is always escaped. */
const SUSPECT = /\\u(0000|d[89a-f])/i

/**
 * JSON pointer to the first text in `value`, keys included, that cannot be stored; undefined when there is none.
 * `source` is the JSON text it was parsed from, for a fast check.
 */
export function findUnstorable(value: unknown, source: string): string | undefined {
  if (!SUSPECT.test(source)) return undefined
  // An explicit stack, because a body may be nested deeper than the call stack allows.
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
