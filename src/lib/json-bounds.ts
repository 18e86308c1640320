type JsonBounds = { readonly bytes: number; readonly depth: number }

/**
 * Whether parsed JSON is within these bounds: bytes of its shortest UTF-8 form, and nesting levels of objects and
 * lists. Deeper values overflow the stack of recursive code.
 */
export function isWithin(value: unknown, { bytes, depth }: JsonBounds): boolean {
  let level: unknown[] = [value]
  for (let levels = 0; level.length > 0; levels++) {
    const nested = level.filter((item): item is object => typeof item === 'object' && item !== null)
    if (nested.length > 0 && levels >= depth) return false
    level = nested.flatMap((item): unknown[] => Object.values(item))
  }
  return Buffer.byteLength(JSON.stringify(value)) <= bytes
}
