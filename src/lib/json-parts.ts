const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const BRACKET = 0x5b
const BRACE = 0x7b

const tableOf = (...bytes: readonly number[]) => {
  const table = new Uint8Array(256)
  for (const byte of bytes) table[byte] = 1
  return table
}
const PARTS = tableOf(COMMA, COLON, BRACKET, BRACE)
const STRUCTURES = tableOf(COLON, BRACKET, BRACE)

/** Counts the bytes of the table outside strings; stops when there are more than `max`. */
function count(bytes: Uint8Array, max: number, table: Uint8Array): number {
  let counted = 0
  let isInString = false
  for (let i = 0; i < bytes.length && counted <= max; i++) {
    const byte = bytes[i]
    if (isInString) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) isInString = false
    } else if (byte === QUOTE) isInString = true
    else if (byte !== undefined && table[byte] === 1) counted++
  }
  return counted
}

/**
 * Counts the parts of a JSON text: commas, colons and opening brackets outside strings. They determine the cost of
 * parsing: 250 KB of small parts take 50 ms, one string of that length takes less than 1 ms. Stops when there are more
 * than `max`.
 */
export const countParts = (bytes: Uint8Array, max: number): number => count(bytes, max, PARTS)

/** Counts the keys, objects and lists of a JSON text. Each costs as much to parse as a dozen numbers in a list. */
export const countStructures = (bytes: Uint8Array, max: number): number => count(bytes, max, STRUCTURES)
