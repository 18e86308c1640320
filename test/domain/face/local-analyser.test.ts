import t from 'tap'
import { EMOTION_VAD, EMOTIONS } from '../../../src/domain/emotion.ts'
import { readExpression } from '../../../src/domain/face/local-analyser.ts'
import { measureWindow, type WindowMeasures } from '../../../src/domain/face/measures.ts'
import { avatarSegments, keptWindow, type Point, stretched } from '../../helpers/avatar.ts'

const segments = avatarSegments()
const [neutral = [], happy = []] = segments.map((segment) => stretched(segment, 40))

/** Landmarks that change places when a picture is mirrored and the mesh is fitted anew. */
const MIRRORED_PAIRS = [
  [67, 297],
  [103, 332],
  [54, 284],
  [21, 251],
  [162, 389],
  [127, 356],
  [33, 263],
  [133, 362],
  [160, 387],
  [159, 386],
  [158, 385],
  [144, 373],
  [145, 374],
  [153, 380],
  [70, 300],
  [63, 293],
  [105, 334],
  [66, 296],
  [107, 336],
  [55, 285],
  [61, 291],
  [78, 308],
  [37, 267],
  [40, 270],
  [181, 405],
  [91, 321],
  [81, 311],
  [178, 402],
  [129, 358],
  [50, 280],
  [205, 425],
  [117, 346],
  [172, 397],
  [469, 476],
  [470, 475],
  [471, 474],
  [472, 477],
] as const

const PARTNER = new Map<number, number>(
  MIRRORED_PAIRS.flatMap(([a, b]) => [
    [a, b],
    [b, a],
  ]),
)

function measured(faces: readonly (readonly Point[])[]): WindowMeasures {
  const m = measureWindow(keptWindow(faces))
  if (m === undefined) throw new Error('the window has no usable frame')
  return m
}

for (const [i, segment] of segments.entries()) {
  const label = segment[0]?.label ?? 'neutral'
  for (const count of [40, 100]) {
    t.test(`stretch ${i} reads as ${label} from ${count} frames, camera size untold`, async (t) => {
      const reading = readExpression(measured(stretched(segment, count)))
      t.match(reading, { emotion: label, uncertain: false })
    })
  }
}

t.test('a mirrored camera reads the same', async (t) => {
  for (const segment of segments) {
    const faces = stretched(segment, 40)
    const flipped = faces.map((face) => face.map(({ x, y, z }) => ({ x: 1 - x, y, z })))
    const refitted = flipped.map((face) =>
      face.map((point, index) => face[PARTNER.get(index) ?? index] ?? point),
    )
    const reading = readExpression(measured(faces))
    for (const other of [flipped, refitted].map((mirrored) => readExpression(measured(mirrored)))) {
      t.equal(other.emotion, reading.emotion)
      t.ok(Math.abs(other.confidence - reading.confidence) < 0.01)
    }
  }
})

t.test('468 points read as 478', async (t) => {
  for (const segment of segments) {
    const faces = stretched(segment, 40)
    const without = faces.map((face) => face.slice(0, 468))
    t.same(readExpression(measured(without)), readExpression(measured(faces)))
  }
})

t.test('a reading is consistent in itself', async (t) => {
  for (const segment of segments) {
    const reading = readExpression(measured(stretched(segment, 40)))
    const values = EMOTIONS.map((label) => reading.scores[label])
    t.ok(Math.abs(values.reduce((sum, value) => sum + value, 0) - 1) < 1e-9)
    t.ok(values.every((value) => value >= 0 && value <= 1))
    t.equal(reading.scores[reading.emotion], Math.max(...values))
    t.ok(reading.confidence >= 0 && reading.confidence <= 1)
    const valence = EMOTIONS.reduce((sum, label) => sum + reading.scores[label] * EMOTION_VAD[label][0], 0)
    t.ok(Math.abs(reading.valence - valence) <= 0.00005 + 1e-9)
    for (const value of [
      ...values,
      reading.confidence,
      reading.valence,
      reading.arousal,
      reading.dominance,
    ]) {
      t.equal(value, Number(value.toFixed(4)))
    }
  }
})

t.test('the same frames always read the same', async (t) => {
  t.same(readExpression(measured(happy)), readExpression(measured(structuredClone(happy))))
})

t.test('few frames read as uncertain and with less confidence', async (t) => {
  const few = readExpression(measured(happy.slice(10, 15)))
  t.match(few, { emotion: 'happy', uncertain: true })
  t.ok(few.confidence < readExpression(measured(happy)).confidence)
})

t.test('a talking mouth takes weight from the smile it looks like', async (t) => {
  const m = measured(happy)
  const silent = readExpression({ ...m, mouthMotion: 0.05 })
  const talking = readExpression({ ...m, mouthMotion: 0.4 })
  t.equal(silent.emotion, 'happy')
  t.not(talking.emotion, 'happy')
  t.ok(talking.scores.happy < silent.scores.happy / 2)
})

t.test('an open mouth alone is no surprise', async (t) => {
  const jaw = new Set([14, 178, 402, 17, 181, 405, 152, 200, 199])
  for (const drop of [0.015, 0.03, 0.045]) {
    const open = neutral.map((face) =>
      face.map((point, i) => (jaw.has(i) ? { ...point, y: point.y + drop } : point)),
    )
    t.not(readExpression(measured(open)).emotion, 'surprised')
  }
})
