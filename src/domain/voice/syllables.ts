/** A Hangul block is one syllable, and so is a digit read aloud in Korean and a character of Chinese or Japanese. */
const ONE_EACH = /[가-힣\d\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu
const LATIN_WORDS = /\p{Script=Latin}+(?:['’]\p{Script=Latin}+)*/gu
const VOWEL_GROUPS = /[aeiouyàáâäèéêëìíîïòóôöùúûü]+/giu
/** An `e` at the end is silent, but for words such as `table`; so is that of `tired`, but not that of `wanted`. */
const SILENT_END = /(?:[^aeiouyl]e|[^aeioutd]ed)$/i

/** Syllables of a text when it is spoken: exact for Hangul, an estimate by vowel groups for Latin letters. */
export function countSyllables(text: string): number {
  const single = text.normalize('NFC').match(ONE_EACH)?.length ?? 0
  const words = text.match(LATIN_WORDS) ?? []
  return words.reduce((sum, word) => sum + syllablesOf(word), single)
}

function syllablesOf(word: string): number {
  const groups = word.match(VOWEL_GROUPS)?.length ?? 0
  return Math.max(1, groups - (SILENT_END.test(word) ? 1 : 0))
}

/** Letters and digits, without spaces and punctuation. */
export const countCharacters = (text: string): number =>
  text.normalize('NFC').match(/[\p{L}\p{N}]/gu)?.length ?? 0
