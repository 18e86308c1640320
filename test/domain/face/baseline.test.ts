import t from 'tap'
import {
  type Baseline,
  calibrateBaseline,
  decodeBaseline,
  encodeBaseline,
  learnBaseline,
} from '../../../src/domain/face/baseline.ts'
import { readExpression } from '../../../src/domain/face/local-analyser.ts'
import { MEASURES, measureWindow, type WindowMeasures } from '../../../src/domain/face/measures.ts'
import { avatarSegments, keptWindow, stretched } from '../../helpers/avatar.ts'

const segments = avatarSegments()
const windowOf = (label: string) => {
  const segment = segments.find(([frame]) => frame?.label === label) ?? []
  return keptWindow(stretched(segment, 40))
}

function measured(label: string): WindowMeasures {
  const m = measureWindow(windowOf(label))
  if (m === undefined) throw new Error('the window has no usable frame')
  return m
}

const calm = measured('neutral')
const smile = measured('happy')

function learntFrom(windows: readonly WindowMeasures[]): Baseline {
  let baseline: Baseline | undefined
  for (const m of windows) baseline = learnBaseline(baseline, m, readExpression(m, baseline))
  if (baseline === undefined) throw new Error('nothing was learnt from')
  return baseline
}

const distance = (a: Baseline, b: WindowMeasures) =>
  Math.max(...MEASURES.map(({ name }) => Math.abs(a.measures[name] - b.median[name])))

t.test('a calm face becomes the baseline, and more of it is believed more', async (t) => {
  const one = learntFrom([calm])
  const many = learntFrom(Array<WindowMeasures>(20).fill(calm))
  t.ok(distance(one, calm) < 1e-9)
  t.ok(many.weight > one.weight)
  t.ok(
    learntFrom(Array<WindowMeasures>(2000).fill(calm)).weight <= 40,
    'but never so much that it stays for good',
  )
})

t.test('talking, restless, turned away or laughing windows teach nothing', async (t) => {
  const known = learntFrom([calm, calm])
  const others: WindowMeasures[] = [
    { ...calm, mouthMotion: 0.4, speech: 0.9 },
    { ...calm, pose: { yaw: 60, pitch: 0, roll: 0 } },
    { ...calm, frameCount: 3 },
    { ...calm, spread: { ...calm.spread, lipCornerPull: 0.042 } },
    { ...calm, spread: { ...calm.spread, midBrowRaise: 0.042 } },
    smile,
  ]
  for (const m of others) {
    const after = learnBaseline(known, m, readExpression(m))
    t.ok(Math.abs(after.weight - known.weight) < 0.05)
    t.ok(distance(after, calm) < 0.005)
  }
})

t.test('one odd window hardly moves what many have taught', async (t) => {
  const odd = { ...calm, median: { ...calm.median, browGap: calm.median.browGap * 3 } }
  const after = learntFrom([...Array<WindowMeasures>(10).fill(calm), odd])
  t.ok(Math.abs(after.measures.browGap - calm.median.browGap) < 0.05)
})

t.test('with a baseline the own resting face is neutral, whatever it looks like', async (t) => {
  const baseline = calibrateBaseline(windowOf('sad'))
  if (baseline === undefined) throw new Error('a calm window was refused')
  const sad = measured('sad')
  t.not(readExpression(sad).emotion, 'neutral')
  t.equal(readExpression(sad, baseline).emotion, 'neutral')
})

t.test('with a baseline of the same head every expression reads right', async (t) => {
  const baseline = calibrateBaseline(windowOf('neutral'))
  for (const [frame] of segments) {
    const label = frame?.label ?? 'neutral'
    t.equal(readExpression(measured(label), baseline).emotion, label)
  }
})

t.test('a calibration needs a face that looks into the camera, and enough of it', async (t) => {
  t.equal(calibrateBaseline([]), undefined)
  t.equal(calibrateBaseline(windowOf('neutral').slice(0, 5)), undefined)
  t.ok(calibrateBaseline(windowOf('neutral').slice(0, 12)))
})

t.test('a stored baseline comes back and reads the same; foreign bytes do not', async (t) => {
  const baseline = calibrateBaseline(windowOf('neutral'))
  if (baseline === undefined) throw new Error('a calm window was refused')
  const bytes = encodeBaseline(baseline)
  t.ok(bytes.length < 300, 'measures, not points')
  const back = decodeBaseline(Buffer.concat([Buffer.of(7), bytes]).subarray(1))
  t.same(back && encodeBaseline(back), bytes)
  t.equal(back && readExpression(smile, back).emotion, readExpression(smile, baseline).emotion)
  const unknown = learnBaseline(undefined, { ...calm, mouthMotion: 1 }, readExpression(calm))
  t.equal(decodeBaseline(encodeBaseline(unknown))?.weight, 0)
  t.equal(
    readExpression(smile, unknown).confidence,
    readExpression(smile).confidence,
    'nothing known, nothing used',
  )
  for (const foreign of [
    new Uint8Array(0),
    bytes.subarray(1),
    bytes.with(0, 9),
    new Uint8Array(bytes.length).fill(255),
    new Uint8Array(bytes.length).fill(1).with(0, 1).with(4, 127).with(3, 127),
  ])
    t.equal(decodeBaseline(foreign), undefined)
})
