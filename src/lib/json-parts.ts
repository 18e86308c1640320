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

/** How many bytes of the table stand outside of strings; stops as soon as there are more than `most`. */
function count(bytes: Uint8Array, most: number, table: Uint8Array): number {
  let counted = 0
  let isInString = false
  for (let i = 0; i < bytes.length && counted <= most; i++) {
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
 * Parts of a JSON text: its commas, colons and opening brackets outside of strings. They are what makes parsing
 * expensive: 250 KB of small ones take fifty milliseconds, one string of that length takes a fraction of one. Stops as
 * soon as there are more than `most`.
 */
export const countParts = (bytes: Uint8Array, most: number): number => count(bytes, most, PARTS)

/** Keys, objects and lists of a JSON text, each of which costs as much to parse as a dozen numbers in a list. */
export const countStructures = (bytes: Uint8Array, most: number): number => count(bytes, most, STRUCTURES)
