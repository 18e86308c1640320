import t from 'tap'
import { isVisible } from '../../src/lib/visible.ts'

const UNSEEN = {
  'Hangul filler': '\u3164\u3164',
  'zero width space': 'mina\u200b',
  'braille blank': '\u2800\u2800',
  'jamo fillers': '\u115f\u1160',
  'halfwidth Hangul filler': '\uffa0\uffa0',
  'right-to-left override': 'ab\u202e',
  'left-to-right isolate': 'ab\u2066cd',
  'left-to-right mark': 'ab\u200e',
  'word joiner': '\u2060\u2060',
  'byte order mark': '\ufeffab',
  'soft hyphen': 'a\u00adb',
  'invisible separator': '\u2063\u2063',
  'variation selectors alone': '\ufe0f\ufe0f',
  'a selector behind a letter': 'mina\ufe0f',
  'tag characters': '\u{e0041}\u{e0042}',
  'Mongolian vowel separator': '\u180e\u180e',
  'combining grapheme joiner': 'a\u034fb',
  'a control': 'a\u0007b',
  'line separator': 'a\u2028b',
  'next line': 'a\u0085b',
  'Arabic letter mark': '\u061c\u061c',
  'a joiner between Latin letters': 'mi\u200dna',
  'a non-joiner at the end': 'می\u200c',
  'a joiner behind an emoji': '🙂\u200d',
  'a lone surrogate': 'a\ud83d',
  'marks without a letter': '\u0301\u0301',
  blanks: '   ',
}
const SEEN = [
  '민아',
  '홍길동 선생님',
  '민아'.normalize('NFD'),
  'José',
  'Rene\u0301e',
  '👩‍👩‍👧 family',
  '👩🏽‍🚀',
  '🏳️‍🌈',
  '❤️ heart',
  '1️⃣',
  '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
  '小林さん',
  '葛\u{e0100}飾',
  'Zoë O’Hara',
  'नमस्ते',
  'क्‍ष',
  'می‌خواهم',
  '김(상담)',
  'a b',
]

t.test('invisible characters are found', (t) => {
  for (const [what, text] of Object.entries(UNSEEN)) t.equal(isVisible(text), false, what)
  t.end()
})

t.test('visible text passes, with the joiners that it needs', (t) => {
  for (const text of SEEN) t.equal(isVisible(text), true, text)
  t.end()
})
