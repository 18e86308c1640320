import t from 'tap'
import { crisisLines, formatCrisisMessage } from '../../src/domain/crisis/lines.ts'
import { readCrisis } from '../../src/domain/crisis/read-crisis.ts'
import { ENGLISH_CRISIS_CASES, KOREAN_CRISIS_CASES } from './cases/crisis.ts'
import { LONG_MESSAGES } from './cases/long.ts'
import { UNSEEN_ENGLISH_CRISIS, UNSEEN_KOREAN_CRISIS } from './cases/unseen.ts'

t.test('words of self-harm are heard, idioms are not taken for them', (t) => {
  for (const cases of [KOREAN_CRISIS_CASES, ENGLISH_CRISIS_CASES]) {
    t.ok(cases.length >= 40)
    for (const [text, expected] of cases)
      t.same(readCrisis(text), { isCrisis: expected !== 'none', level: expected }, text)
  }
  t.end()
})

// Most of them say it in so roundabout a way that a list of cues can hardly know them: a floor to rise from.
t.test('sentences that the cues were not written for are mostly heard rightly', (t) => {
  for (const [language, cases, floor] of [
    ['Korean', UNSEEN_KOREAN_CRISIS, 12],
    ['English', UNSEEN_ENGLISH_CRISIS, 12],
  ] as const) {
    const right = cases.filter(([text, expected]) => readCrisis(text).isCrisis === (expected !== 'none'))
    t.comment(`${language}: ${right.length} of ${cases.length}`)
    const alarmed = cases.filter(([text, expected]) => expected === 'none' && readCrisis(text).isCrisis)
    t.same(alarmed, [], 'and what is harmless is taken for harmless')
    t.ok(right.length >= floor, `${language}: ${right.length} of ${cases.length}, at least ${floor}`)
  }
  t.end()
})

t.test('the lines are those of the language, or those of the operator', (t) => {
  for (const language of ['ko', 'en'] as const) {
    const numbers = crisisLines(language).map(({ number }) => number)
    t.ok(numbers.includes('109') && numbers.includes('1577-0199'))
    t.same(crisisLines(language, []), crisisLines(language))
    const own = [{ name: 'A line', number: '0800' }]
    t.same(crisisLines(language, own), own)
    const text = formatCrisisMessage('urgent', language, own)
    t.match(text, 'A line: 0800')
    for (const level of ['urgent', 'gentle'] as const)
      t.equal(
        /[가-힣]/.test(formatCrisisMessage(level, language, own)),
        language === 'ko',
        'in its own script',
      )
    t.not(text, formatCrisisMessage('gentle', language, own))
    t.equal(formatCrisisMessage('none', language, own), '')
  }
  t.ok(crisisLines('en').length > crisisLines('ko').length, 'and a word for those elsewhere')
  t.end()
})

t.test('a cry for help at the end of 2,000 characters of anything is heard', (t) => {
  for (const text of LONG_MESSAGES.filter((long) => !long.startsWith('"') && !long.startsWith("'"))) {
    t.equal(readCrisis(`${text.slice(0, 1970)}. I want to kill myself.`).isCrisis, true, text.slice(0, 20))
  }
  t.end()
})
