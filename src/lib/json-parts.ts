const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const BRACKET = 0x5b
const BRACE = 0x7b

/**
 * Parts of a JSON text: its commas, colons and opening brackets outside of strings. They are what makes parsing
 * expensive: 250 KB of small ones take fifty milliseconds, one string of that length takes a fraction of one. Stops as
 * soon as there are more than `most`.
 */
export function countParts(bytes: Uint8Array, most: number): number {
  let parts = 0
  let isInString = false
  for (let i = 0; i < bytes.length && parts <= most; i++) {
    const byte = bytes[i]
    if (isInString) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) isInString = false
    } else if (byte === QUOTE) isInString = true
    else if (byte === COMMA || byte === COLON || byte === BRACKET || byte === BRACE) parts++
  }
  return parts
}
