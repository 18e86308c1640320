import { create } from 'fontkit'
import { loadFonts } from './fonts.ts'

/** Stands for a letter that the font lacks and that has no base letter. */
export const MISSING = '□'

/** No text of ours comes near it. */
const MOST_CHARACTERS = 1000

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
/** Conjoining jamo, into which halfwidth ones decompose, by the letters that fonts have. */
const INITIALS = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ'
const [FIRST_INITIAL, FIRST_VOWEL, FIRST_VOWEL_LETTER, VOWELS] = [0x1100, 0x1161, 0x314f, 21]

let hasGlyph: ((codePoint: number) => boolean) | undefined

/** Whether both weights have it. The fonts are read at the first question. */
function isInFont(character: string): boolean {
  if (hasGlyph === undefined) {
    const fonts = Object.values(loadFonts()).map((font) => create(font))
    const known = new Map<number, boolean>()
    hasGlyph = (codePoint) => {
      const before = known.get(codePoint)
      if (before !== undefined) return before
      const found = fonts.every((font) => font.hasGlyphForCodePoint(codePoint))
      known.set(codePoint, found)
      return found
    }
  }
  return hasGlyph(character.codePointAt(0) ?? 0)
}

function letterOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const vowel = code - FIRST_VOWEL
  if (vowel >= 0 && vowel < VOWELS) return String.fromCodePoint(FIRST_VOWEL_LETTER + vowel)
  return INITIALS[code - FIRST_INITIAL] ?? BASES[character] ?? character
}

/** As the font has it, else its base letter, else a mark in its place. What nobody sees is left out. */
function printed(character: string): string {
  if (/^[\p{M}\p{C}]$/u.test(character)) return ''
  if (isInFont(character)) return character
  const bases = Array.from(character.normalize('NFKD').replace(/\p{M}/gu, ''), letterOf)
  return bases.length > 0 && bases.every(isInFont) ? bases.join('') : MISSING
}

/** One line of text as it can be printed: nothing of it disappears without a mark. */
export const legible = (text: string): string =>
  Array.from(text.slice(0, MOST_CHARACTERS).normalize('NFC').replace(/\s+/g, ' '), printed).join('')

/** Whether some letter of the text would be printed as a mark. */
export const isPrintable = (text: string): boolean =>
  !Array.from(text.normalize('NFC').replace(/\s+/g, ' '), printed).includes(MISSING)
