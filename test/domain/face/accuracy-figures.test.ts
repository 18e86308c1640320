import t from 'tap'
import { figuresOf, type Judgement } from '../../../scripts/accuracy/figures.ts'

const judged = (person: string, isRight: boolean, confidence: number): Judgement => ({
  truth: 'happy',
  read: isRight ? 'happy' : 'neutral',
  person,
  confidence,
  uncertain: false,
})
const times = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i))

t.test('pictures of one person count as one when it is said how sure an accuracy is', async (t) => {
  const strangers = figuresOf(times(100, (i) => judged(`p${i}`, i % 2 === 0, 0.5)))
  t.equal(strangers.accuracy, 0.5)
  t.ok(Math.abs(strangers.standardError - 0.05) < 1e-9, 'of a coin thrown a hundred times')
  const four = figuresOf(times(100, (i) => judged(`p${i % 4}`, i % 2 === 0, 0.5)))
  t.ok(Math.abs(four.standardError - 0.25) < 1e-9, 'of four throws')
  t.equal(figuresOf([]).standardError, 0)
})

t.test('a calibration error is shown beside what chance alone would show', async (t) => {
  const wanting = figuresOf(times(1000, (i) => judged(`p${i}`, i % 2 === 0, 0.9)))
  t.ok(Math.abs(wanting.ece - 0.4) < 1e-9)
  t.ok(wanting.eceByChance[2] < 0.05, 'so many faces leave little to chance')
  const sound = figuresOf(times(1000, (i) => judged(`p${i}`, i % 10 < 9, 0.9)))
  t.ok(sound.ece < wanting.eceByChance[0] + 1e-9)
  const [low, mean, high] = figuresOf(
    times(20, (i) => judged(`p${i}`, i % 10 < 9, 0.7 + i / 100)),
  ).eceByChance
  t.ok(low > 0 && low < mean && mean < high, 'few faces cannot show a small one')
  t.ok(mean > 0.05)
  t.same(figuresOf([]).eceByChance, [0, 0, 0])
})
