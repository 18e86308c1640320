import t from 'tap'
import { EMOTIONS } from '../../src/domain/emotion.ts'
import { readText } from '../../src/domain/text/reader.ts'
import { LONG_MESSAGES } from './cases/long.ts'
import { ENGLISH_TEXT_CASES, KOREAN_TEXT_CASES, type TextCase } from './cases/text.ts'
import { UNSEEN_ENGLISH_TEXT, UNSEEN_KOREAN_TEXT } from './cases/unseen.ts'

const read = (text: string): TextCase[1] => {
  const { emotion, uncertain } = readText(text)
  return uncertain ? 'unsure' : emotion
}

t.test('the reader reads every case of the table', (t) => {
  for (const cases of [KOREAN_TEXT_CASES, ENGLISH_TEXT_CASES]) {
    t.ok(cases.length >= 40)
    for (const [text, expected] of cases) t.equal(read(text), expected, text)
  }
  t.end()
})

t.test('sentences that the words were not written for are mostly read rightly', (t) => {
  for (const [language, cases, floor] of [
    ['Korean', UNSEEN_KOREAN_TEXT, 16],
    ['English', UNSEEN_ENGLISH_TEXT, 14],
  ] as const) {
    const right = cases.filter(([text, expected]) => read(text) === expected)
    t.comment(`${language}: ${right.length} of ${cases.length}`)
    t.ok(right.length >= floor, `${language}: ${right.length} of ${cases.length}, at least ${floor}`)
  }
  t.end()
})

t.test('a reading keeps its shape whatever it is given', (t) => {
  for (const text of [
    '',
    ' ',
    '\u0000',
    '?!?!',
    '(((',
    '가'.repeat(2000),
    '😀'.repeat(1000),
    '\ud800',
    '" \' "',
  ]) {
    const { emotion, confidence, source } = readText(text)
    t.ok(EMOTIONS.includes(emotion))
    t.ok(confidence >= 0 && confidence <= 1)
    t.equal(source, 'local')
  }
  t.match(readText(''), { emotion: 'neutral', uncertain: true })
  t.end()
})

t.test('the language is that of most words', (t) => {
  t.equal(readText('오늘 meeting 때문에 짜증나').language, 'ko')
  t.equal(readText('my boss is so 짜증나 today').language, 'en')
  t.equal(readText('😭').language, 'ko')
  t.end()
})

t.test('strength and doubt show in the confidence', (t) => {
  t.ok(readText('너무 슬퍼').confidence > readText('조금 슬퍼').confidence)
  t.ok(readText('I am very sad').confidence > readText('I am slightly sad').confidence)
  t.ok(readText('친구가 슬퍼해').confidence < 0.5)
  t.end()
})

t.test('2,000 characters of anything give a label of ours and a confidence', (t) => {
  for (const text of LONG_MESSAGES) {
    const { emotion, confidence } = readText(text)
    t.ok(EMOTIONS.includes(emotion), text.slice(0, 20))
    t.ok(confidence >= 0 && confidence <= 1)
  }
  t.end()
})
