/** Characters of one syllable: Hangul blocks, digits read in Korean, Chinese and Japanese characters. */
const SINGLE_SYLLABLES = /[가-힣\d\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu
const LATIN_WORDS = /\p{Script=Latin}+(?:['’]\p{Script=Latin}+)*/gu
const VOWEL_GROUPS = /[aeiouyàáâäèéêëìíîïòóôöùúûü]+/giu
/** A final `e` is silent except in words such as `table`; so is the `e` of `tired`, but not of `wanted`. */
const SILENT_END = /(?:[^aeiouyl]e|[^aeioutd]ed)$/i

/** Number of spoken syllables: exact for Hangul, estimated by vowel groups for Latin letters. */
export function countSyllables(text: string): number {
  const single = text.normalize('NFC').match(SINGLE_SYLLABLES)?.length ?? 0
  const words = text.match(LATIN_WORDS) ?? []
  return words.reduce((sum, word) => sum + countWordSyllables(word), single)
}

function countWordSyllables(word: string): number {
  const groups = word.match(VOWEL_GROUPS)?.length ?? 0
  return Math.max(1, groups - (SILENT_END.test(word) ? 1 : 0))
}

/** Number of letters and digits. */
export const countCharacters = (text: string): number =>
  text.normalize('NFC').match(/[\p{L}\p{N}]/gu)?.length ?? 0
