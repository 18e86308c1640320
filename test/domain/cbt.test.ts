import t from 'tap'
import { detectDistortions } from '../../src/domain/cbt/detect.ts'
import { type Detection, DISTORTION_TYPES } from '../../src/domain/cbt/distortion.ts'
import { DISTORTIONS, getDistortion } from '../../src/domain/cbt/distortions/index.ts'
import { chooseIntervention, INTERVENTION_INTERVAL_MS } from '../../src/domain/cbt/intervention.ts'
import { LANGUAGES } from '../../src/domain/language.ts'
import { ENGLISH_CBT_CASES, KOREAN_CBT_CASES } from './cases/cbt.ts'
import { LONG_MESSAGES } from './cases/long.ts'
import { UNSEEN_ENGLISH_CBT, UNSEEN_KOREAN_CBT } from './cases/unseen.ts'

const first = (text: string) => detectDistortions(text)[0]?.type ?? 'none'

t.test('the cues read every case of the table', (t) => {
  for (const cases of [KOREAN_CBT_CASES, ENGLISH_CBT_CASES]) {
    t.ok(cases.length >= 40)
    for (const [text, expected] of cases) t.equal(first(text), expected, text)
    t.same(new Set(cases.map(([, expected]) => expected)), new Set([...DISTORTION_TYPES, 'none']))
  }
  t.end()
})

t.test('sentences that the cues were not written for are mostly read rightly', (t) => {
  for (const [language, cases, floor] of [
    ['Korean', UNSEEN_KOREAN_CBT, 16],
    ['English', UNSEEN_ENGLISH_CBT, 17],
  ] as const) {
    const right = cases.filter(([text, expected]) => first(text) === expected)
    t.comment(`${language}: ${right.length} of ${cases.length}`)
    t.ok(right.length >= floor, `${language}: ${right.length} of ${cases.length}, at least ${floor}`)
  }
  t.end()
})

t.test('a detection quotes the words as they were typed, and is graver the more cues there are', (t) => {
  const [one] = detectDistortions('I ALWAYS   fail')
  t.same(one?.examples, ['ALWAYS   fail'])
  t.equal(one?.name_ko, '과잉일반화')
  t.equal(one?.severity, 'medium')
  const [several] = detectDistortions(
    '난 항상 실패해. 되는 일이 하나도 없어. 뭘 해도 안 돼. 아무도 날 안 좋아해. 맨날 혼자야',
  )
  t.equal(several?.severity, 'high')
  t.ok((several?.confidence ?? 0) > (one?.confidence ?? 1))
  t.equal(several?.examples.length, 3)
  t.ok(several?.examples.every((example) => example.length <= 40))
  t.same(detectDistortions('난 항상 실패해', 'en'), [], 'limited to the cues of one language')
  t.end()
})

const detection = (type: Detection['type'], more: Partial<Detection> = {}): Detection => ({
  type,
  name_ko: getDistortion(type).name_ko,
  name_en: getDistortion(type).name_en,
  severity: 'medium',
  confidence: 0.8,
  examples: [],
  ...more,
})

t.test('an exercise is offered for the gravest thought, in the language of the person', (t) => {
  const found = [detection('labelling'), detection('catastrophising', { severity: 'high', confidence: 0.7 })]
  const pace = { now: 1, recentTypes: [] }
  const offered = chooseIntervention(found, 'ko', pace)
  t.match(offered, {
    distortionType: 'catastrophising',
    distortionName: '파국화',
    severity: 'high',
    urgency: 'immediate',
  })
  t.match(chooseIntervention(found, 'en', pace)?.distortionName, 'Catastrophising')
  t.equal(chooseIntervention([detection('labelling')], 'en', pace)?.urgency, 'soon')
  t.equal(chooseIntervention([detection('labelling', { severity: 'low' })], 'en', pace)?.urgency, 'routine')
  t.equal(chooseIntervention([detection('labelling', { confidence: 0.5 })], 'en', pace), undefined)
  t.equal(chooseIntervention([], 'en', pace), undefined)
  t.end()
})

t.test('at most one exercise in three minutes, and no kind twice in a row', (t) => {
  const found = [detection('labelling'), detection('magnification', { confidence: 0.7 })]
  const at = (now: number, lastAt: number, recentTypes: Detection['type'][]) =>
    chooseIntervention(found, 'ko', { now, lastAt, recentTypes })?.distortionType
  t.equal(at(INTERVENTION_INTERVAL_MS - 1, 0, []), undefined)
  t.equal(at(INTERVENTION_INTERVAL_MS, 0, []), 'labelling')
  t.equal(at(INTERVENTION_INTERVAL_MS, 0, ['labelling']), 'magnification')
  t.equal(at(INTERVENTION_INTERVAL_MS, 0, ['labelling', 'magnification']), undefined)
  t.equal(at(INTERVENTION_INTERVAL_MS, 0, ['labelling', 'magnification', 'mental_filter']), 'labelling')
  t.end()
})

t.test('every kind of thought has all its words in both languages', (t) => {
  t.same(
    DISTORTIONS.map(({ id }) => id),
    DISTORTION_TYPES,
  )
  for (const distortion of DISTORTIONS) {
    for (const language of LANGUAGES) {
      t.ok(distortion.cues[language].length >= 3)
      t.equal(distortion.questions[language].length, distortion.questions.ko.length)
      t.ok(distortion.questions[language].length >= 3)
      t.same(
        distortion.tasks[language].map(({ difficulty }) => difficulty),
        distortion.tasks.ko.map(({ difficulty }) => difficulty),
        'the same exercises',
      )
      for (const [, weight] of distortion.cues[language]) t.ok(weight > 0 && weight <= 1)
    }
    for (const part of ['description', 'questions', 'tasks'] as const) {
      t.notMatch(JSON.stringify(distortion[part].en), /[가-힣]/, 'English only')
      t.notMatch(JSON.stringify(distortion[part].ko), /"[A-Za-z ,.?!']{12,}"/, 'Korean only')
    }
    t.match(distortion.name_ko, /^[가-힣 ]+$/)
    t.match(distortion.name_en, /^[A-Za-z -]+$/)
  }
  t.end()
})

t.test('2,000 characters of anything are searched to their end', (t) => {
  for (const text of LONG_MESSAGES) {
    const found = detectDistortions(`${text.slice(0, 1960)}. 나는 항상 실패만 해`)
    t.ok(Array.isArray(found), text.slice(0, 20))
    for (const { examples } of found) t.ok(examples.every((example) => example.length < 60))
  }
  t.end()
})
