import t from 'tap'
import { getDistortion } from '../../src/domain/cbt/distortions/index.ts'
import { INTERVENTION_INTERVAL_MS } from '../../src/domain/cbt/intervention.ts'
import { replyLocally, type Turn } from '../../src/domain/counsellor/reply.ts'
import { SENTENCES } from '../../src/domain/counsellor/sentences.ts'
import { splitForStream } from '../../src/domain/counsellor/split-for-stream.ts'
import type { Emotion } from '../../src/domain/emotion.ts'
import type { Language } from '../../src/domain/language.ts'
import {
  type CounsellorCase,
  ENGLISH_COUNSELLOR_CASES,
  type Expected,
  KOREAN_COUNSELLOR_CASES,
} from './cases/counsellor.ts'

const ask = (message: string, language: Language, emotion: Emotion | null = null, history: Turn[] = []) =>
  replyLocally({ message, emotion, recentEmotions: [], history, language })

/** The sentences one of which has to be in the answer. */
function expectedSentences(expected: Exclude<Expected, 'crisis'>, language: Language): readonly string[] {
  const words = SENTENCES[language]
  if (expected === 'open') return words.open
  if ('thought' in expected) return getDistortion(expected.thought).questions[language]
  if ('feeling' in expected) return words.reflections[expected.feeling]
  if ('seen' in expected) return [words.seen[expected.seen]]
  return words.occasions[expected.occasion]
}

for (const [language, cases] of [
  ['ko', KOREAN_COUNSELLOR_CASES],
  ['en', ENGLISH_COUNSELLOR_CASES],
] as const satisfies readonly (readonly [Language, readonly CounsellorCase[]])[])
  t.test(`the counsellor answers to what was said (${language})`, (t) => {
    t.ok(cases.length >= 40)
    for (const [message, emotion, expected] of cases) {
      const reply = ask(message, language, emotion)
      t.equal(reply.isCrisis, expected === 'crisis', message)
      if (expected === 'crisis') t.match(reply.text, /109[\s\S]*1577-0199/, message)
      else
        t.ok(
          expectedSentences(expected, language).some((sentence) => reply.text.includes(sentence)),
          `${message} -> ${reply.text}`,
        )
    }
    t.end()
  })

t.test('words of self-harm get the lines and no exercise, whatever else is in them', (t) => {
  for (const [message, language] of [
    ['나는 항상 실패하고 쓸모없는 인간이야. 죽고 싶어', 'ko'],
    ["I'm worthless, I always fail, I want to die", 'en'],
  ] as const) {
    const reply = ask(message, language)
    t.equal(reply.intervention, undefined)
    t.same(reply.detections, [])
    t.notOk(reply.text.includes(SENTENCES[language].exercise))
  }
  const configured = replyLocally({
    message: 'I want to die',
    emotion: null,
    recentEmotions: [],
    history: [],
    language: 'en',
    configuredLines: [{ name: 'Samaritans', number: '116 123' }],
  })
  const after: Turn[] = [{ role: 'user', text: 'I want to die' }]
  t.equal(ask('I always fail', 'en', null, after).intervention, undefined, 'nor in the turns after them')
  t.ok(ask('I always fail', 'en', null, [{ role: 'user', text: 'hello' }]).intervention)
  t.match(configured.text, 'Samaritans: 116 123')
  t.notMatch(configured.text, '1577-0199')
  t.end()
})

t.test('the same conversation gets the same answer, and the next turn another one', (t) => {
  for (const language of ['ko', 'en'] as const) {
    const message = language === 'ko' ? '점심을 먹었어요' : 'I had lunch'
    const history: Turn[] = []
    let last = ''
    for (let turn = 0; turn < 12; turn += 1) {
      const { text } = ask(message, language, null, history)
      t.equal(ask(message, language, null, history).text, text)
      t.not(text, last, 'nothing is said twice in a row')
      last = text
      history.push({ role: 'user', text: message }, { role: 'assistant', text })
    }
  }
  t.end()
})

t.test(
  'a thought comes back in the words of the person, with an exercise at most every three minutes',
  (t) => {
    const once = ask('아니 난 항상 실패해', 'ko')
    t.match(once.text, '"항상 실패')
    t.equal(once.intervention?.distortionType, 'overgeneralisation')
    t.ok(once.text.endsWith(SENTENCES.ko.exercise))
    const soon = replyLocally({
      message: '난 항상 실패해',
      emotion: null,
      recentEmotions: [],
      history: [],
      language: 'ko',
      pace: { now: INTERVENTION_INTERVAL_MS, lastAt: 1, recentTypes: [] },
    })
    t.equal(soon.intervention, undefined)
    t.notOk(soon.text.includes(SENTENCES.ko.exercise))
    t.equal(soon.detections[0]?.type, 'overgeneralisation')
    t.end()
  },
)

t.test('without telling words it asks about what most of the last windows showed', (t) => {
  const reply = (recentEmotions: Emotion[]) =>
    replyLocally({ message: '...', emotion: null, recentEmotions, history: [], language: 'en' }).text
  t.equal(reply(['happy', 'sad', 'sad', 'anxious', 'sad']), SENTENCES.en.seen.sad)
  t.equal(reply(['happy', 'sad', 'anxious']), SENTENCES.en.open[0])
  t.equal(reply([]), SENTENCES.en.open[0])
  t.end()
})

/** The shape of a catalogue with its sentences taken out. */
const shapeOf = (part: unknown): unknown =>
  typeof part === 'string'
    ? 'sentence'
    : Array.isArray(part)
      ? part.map(shapeOf)
      : Object.fromEntries(Object.entries(part as object).map(([key, value]) => [key, shapeOf(value)]))

const sentencesOf = (part: unknown): string[] =>
  typeof part === 'string' ? [part] : Object.values(part as object).flatMap(sentencesOf)

t.test('every sentence exists in both languages, each in its own script', (t) => {
  t.same(shapeOf(SENTENCES.ko), shapeOf(SENTENCES.en))
  for (const sentence of sentencesOf(SENTENCES.ko)) t.match(sentence, /[가-힣]/)
  for (const sentence of sentencesOf(SENTENCES.en)) t.notMatch(sentence, /[가-힣]/)
  t.end()
})

t.test('a stream says exactly the text, in small pieces', (t) => {
  for (const text of [
    '',
    ' ',
    'Hello. How are you?',
    SENTENCES.ko.open.join('\n'),
    '가'.repeat(2000),
    '😀'.repeat(100),
  ]) {
    const chunks = splitForStream(text)
    t.equal(chunks.join(''), text)
    t.ok(chunks.every((chunk) => chunk !== '' && chunk.length <= 100))
    t.ok(
      chunks.every((chunk) => !/[\ud800-\udbff]$/.test(chunk)),
      'no character is cut in two',
    )
  }
  t.ok(splitForStream(SENTENCES.en.open.join(' ')).length > 5)
  t.end()
})
