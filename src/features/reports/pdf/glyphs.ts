import { create } from 'fontkit'
import { loadFonts } from './fonts.ts'

/** Replaces a letter that the font lacks and that has no base letter. */
const MISSING = '□'

/** Far above the length of any text in a report. */
const MAX_CHARACTERS = 1000

/** Letters with a stroke have no decomposition in Unicode. */
const BASES: Readonly<Record<string, string>> = {
  Đ: 'D',
  đ: 'd',
  Ħ: 'H',
  ħ: 'h',
  ı: 'i',
  Ł: 'L',
  ł: 'l',
  Ŧ: 'T',
  ŧ: 't',
  '−': '-',
  '‐': '-',
  '‑': '-',
}
/** Compatibility letters, which fonts contain, of the conjoining jamo into which halfwidth jamo decompose. */
const INITIALS = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ'
const [FIRST_INITIAL, FIRST_VOWEL, FIRST_VOWEL_LETTER, VOWELS] = [0x1100, 0x1161, 0x314f, 21]

let hasGlyph: ((codePoint: number) => boolean) | undefined

/** Whether both weights contain it. The first call reads the fonts. */
function isInFont(character: string): boolean {
  if (hasGlyph === undefined) {
    const fonts = Object.values(loadFonts()).map((font) => create(font))
    const cache = new Map<number, boolean>()
    hasGlyph = (codePoint) => {
      const before = cache.get(codePoint)
      if (before !== undefined) return before
      const found = fonts.every((font) => font.hasGlyphForCodePoint(codePoint))
      cache.set(codePoint, found)
      return found
    }
  }
  return hasGlyph(character.codePointAt(0) ?? 0)
}

function toBaseLetter(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const vowel = code - FIRST_VOWEL
  if (vowel >= 0 && vowel < VOWELS) return String.fromCodePoint(FIRST_VOWEL_LETTER + vowel)
  return INITIALS[code - FIRST_INITIAL] ?? BASES[character] ?? character
}

/**
 * The character itself if the font contains it, else its base letter, else `MISSING`. Invisible characters are dropped.
 */
function toPrintable(character: string): string {
  if (/^[\p{M}\p{C}]$/u.test(character)) return ''
  if (isInFont(character)) return character
  const bases = Array.from(character.normalize('NFKD').replace(/\p{M}/gu, ''), toBaseLetter)
  return bases.length > 0 && bases.every(isInFont) ? bases.join('') : MISSING
}

/** One line of printable text. Every visible letter that is not printable is replaced, never dropped. */
export const legible = (text: string): string =>
  Array.from(text.slice(0, MAX_CHARACTERS).normalize('NFC').replace(/\s+/g, ' '), toPrintable).join('')

/** Whether every letter of the text can be printed. */
export const isPrintable = (text: string): boolean =>
  !Array.from(text.normalize('NFC').replace(/\s+/g, ' '), toPrintable).includes(MISSING)
