import t, { type Test } from 'tap'
import { EMOTIONS } from '../../../src/domain/emotion.ts'
import * as steps from '../../helpers/gemini-steps.ts'
import { createTestAnalyser, isFailure } from '../../helpers/models.ts'

const { HAPPY } = steps

t.test('an answer in a fence, or behind a thought, is read', async (t) => {
  const text = JSON.stringify(HAPPY)
  for (const step of [
    steps.answer(steps.fenced(text)),
    steps.stream([text], { thought: 'The face is happy.' }),
  ]) {
    const { analyse } = await createTestAnalyser(t, [step])
    t.match(await analyse(), { outcome: 'answered', reading: { emotion: 'happy' } })
  }
})

t.test('an answer is checked again', async (t) => {
  const { scores } = HAPPY
  const malformed: Record<string, unknown> = {
    'a label of its own': { ...HAPPY, emotion: 'melancholy' },
    'no label': { ...HAPPY, emotion: undefined },
    'a label that is no text': { ...HAPPY, emotion: 3 },
    'confidence over 1': { ...HAPPY, confidence: 1.01 },
    'a negative confidence': { ...HAPPY, confidence: -0.01 },
    'a confidence as text': { ...HAPPY, confidence: '0.9' },
    'valence under -1': { ...HAPPY, valence: -1.2 },
    'arousal over 1': { ...HAPPY, arousal: 3 },
    'no dominance': { ...HAPPY, dominance: null },
    'a missing score': { ...HAPPY, scores: { ...scores, fearful: undefined } },
    'a score out of range': { ...HAPPY, scores: { ...scores, happy: 1.8 } },
    'scores in a list': { ...HAPPY, scores: Object.values(scores) },
    'scores far from a sum of 1': { ...HAPPY, scores: { ...scores, happy: 0.2 } },
    'a list': [HAPPY],
    'prose around the JSON': `Here you are: ${JSON.stringify(HAPPY)}`,
    'an endless number': JSON.stringify(HAPPY).replace('0.7', '1e999'),
  }
  for (const [name, content] of Object.entries(malformed)) {
    t.test(`${name} is malformed`, async (t) => {
      const { analyse } = await createTestAnalyser(t, [steps.answer(content as object | string)])
      isFailure(t, await analyse(), 'malformed')
    })
  }
})

/** The reading that comes of `content`. */
async function readingOf(t: Test, content: object) {
  const { analyse } = await createTestAnalyser(t, [steps.answer(content)])
  const answer = await analyse()
  if (answer.outcome === 'failed') throw new Error(`no reading: ${answer.detail}`)
  return answer.reading
}

t.test('the alias `excited` and another case of letters are understood', async (t) => {
  t.equal((await readingOf(t, { ...HAPPY, emotion: 'excited' })).emotion, 'surprised')
  t.equal((await readingOf(t, { ...HAPPY, emotion: 'Happy' })).emotion, 'happy')
})

t.test('scores near a sum of 1 are scaled to it and all numbers have four decimals', async (t) => {
  const scores = { ...HAPPY.scores, happy: 0.75 }
  const reading = await readingOf(t, { ...HAPPY, confidence: 0.823456, valence: -0.00001, scores })
  const sum = EMOTIONS.reduce((total, emotion) => total + reading.scores[emotion], 0)
  t.ok(Math.abs(sum - 1) < 1e-3, `sum ${sum}`)
  t.equal(reading.scores.happy, 0.7895)
  t.equal(reading.confidence, 0.8235)
  t.equal(reading.valence, 0)
})

t.test('a reading of low confidence, narrow margin or contradiction is uncertain', async (t) => {
  t.equal((await readingOf(t, HAPPY)).uncertain, false)
  t.equal((await readingOf(t, { ...HAPPY, confidence: 0.49 })).uncertain, true)
  const narrow = { ...HAPPY.scores, happy: 0.46, neutral: 0.42 }
  t.equal((await readingOf(t, { ...HAPPY, scores: narrow })).uncertain, true)
  t.equal((await readingOf(t, { ...HAPPY, emotion: 'sad' })).uncertain, true)
})
