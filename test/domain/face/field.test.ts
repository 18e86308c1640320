import { readFileSync } from 'node:fs'
import t from 'tap'
import { calibrateBaseline, toCarriedBaseline, learnBaseline } from '../../../src/domain/face/baseline.ts'
import { hasSwappedIrises } from '../../../src/domain/face/doubts.ts'
import { decodeMeasures, encodeMeasures } from '../../../src/domain/face/encoding.ts'
import { type KeptFrame, keepPoints } from '../../../src/domain/face/frame.ts'
import { readExpression } from '../../../src/domain/face/local-analyser.ts'
import { measureWindow } from '../../../src/domain/face/measures.ts'
import {
  AVATAR_HEIGHT,
  AVATAR_WIDTH,
  avatarSegments,
  keptWindow,
  type Point,
  stretched,
} from '../../helpers/avatar.ts'

const SIZE = { width: AVATAR_WIDTH, height: AVATAR_HEIGHT }
const TURNED = { width: AVATAR_HEIGHT, height: AVATAR_WIDTH }
const segments = avatarSegments()
const facesOf = (label: string, count = 40) =>
  stretched(segments.find(([frame]) => frame?.label === label) ?? [], count)

function read(frames: readonly KeptFrame[], ...baseline: Parameters<typeof readExpression>[1][]) {
  const m = measureWindow(frames)
  if (m === undefined) throw new Error('the window has no usable frame')
  return { m, reading: readExpression(m, baseline[0]) }
}

const shifted = (faces: readonly Point[][], dx: number, dy: number): Point[][] =>
  faces.map((face) => face.map(({ x, y, z }) => ({ x: x + dx, y: y + dy, z })))

/** The faces, rolled by so many degrees, in an image of another shape. */
function rolled(faces: readonly Point[][], degrees: number, aspect: number): Point[][] {
  const [sine, cosine] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)]
  const scale = 0.6 * Math.min(1, aspect)
  const own = AVATAR_WIDTH / AVATAR_HEIGHT
  return faces.map((face) =>
    face.map(({ x, y, z }) => {
      const [u, v] = [(x - 0.5) * own, y - 0.5]
      return {
        x: 0.5 + ((u * cosine - v * sine) * scale) / aspect,
        y: 0.5 + (u * sine + v * cosine) * scale,
        z: (z * own * scale) / aspect,
      }
    }),
  )
}

t.test('a size that is told turned on its side does not change what is read', async (t) => {
  for (const label of ['neutral', 'happy', 'sad', 'surprised']) {
    const faces = facesOf(label)
    const right = read(keptWindow(faces, SIZE))
    const wrong = read(keptWindow(faces, TURNED))
    t.match(right.m, { aspect: 4 / 3, aspectSource: 'sent' }, label)
    t.match(wrong.m, { aspect: 4 / 3, aspectSource: 'inferred' }, label)
    t.same(wrong.reading, right.reading, label)
    const half = keptWindow(faces, TURNED).map((frame, i) => (i % 2 === 0 ? frame : { ...frame, ...SIZE }))
    t.same(read(half).reading, right.reading, `${label}, told both ways`)
  }
  const few = measureWindow(keptWindow(facesOf('happy', 3), TURNED))
  t.match(few ?? { aspectSource: 'sent' }, { aspectSource: 'sent' }, 'three faces are no evidence')
})

t.test('a head on its side is read without a size', async (t) => {
  for (const aspect of [16 / 9, 4 / 3, 3 / 4, 9 / 16]) {
    for (const degrees of [0, 60, 90, 120]) {
      const { m, reading } = read(keptWindow(rolled(facesOf('surprised'), degrees, aspect)))
      t.match(m, { aspect, aspectSource: 'inferred' }, `${degrees} degrees, ${aspect}`)
      t.match(reading, { emotion: 'surprised', uncertain: false }, `${degrees} degrees, ${aspect}`)
    }
  }
})

t.test('what is outside the picture is not believed', async (t) => {
  const neutral = facesOf('neutral')
  for (const [dx, dy] of [
    [0, 0.45],
    [0, -0.45],
    [0.5, 0],
    [-0.5, 0],
  ] as const) {
    const frames = keptWindow(shifted(neutral, dx, dy), SIZE)
    const { m, reading } = read(frames)
    t.equal(m.doubt, 'out_of_picture')
    t.equal(reading.uncertain, true)
    t.equal(decodeMeasures(encodeMeasures(m))?.doubt, 'out_of_picture', 'it is stored')
    t.equal(calibrateBaseline(frames), undefined)
    const known = { ...read(keptWindow(neutral, SIZE)), weight: 20 }
    const baseline = { weight: 20, measures: known.m.median, shape: known.m.shape }
    t.equal(learnBaseline(baseline, m, reading), baseline)
  }
  const mixed = keptWindow([...shifted(neutral.slice(0, 10), 0, 0.45), ...neutral.slice(10)], SIZE)
  t.match(read(mixed).m, { doubt: null, frameCount: 30, framesLeftOut: 10 }, 'a moment at the edge')
  t.equal(read(keptWindow(shifted(neutral, 0, 0.12), SIZE)).m.doubt, null, 'near the edge')
})

t.test('people who take turns are not read as one', async (t) => {
  const mine = shifted(facesOf('neutral'), -0.12, 0)
  const theirs = shifted(rolled(facesOf('happy'), 0, 4 / 3), 0.2, 0)
  const inTurns = (every: number) =>
    keptWindow(
      mine.map((face, i) => (Math.floor(i / every) % 2 === 0 ? face : (theirs[i] ?? face))),
      SIZE,
    )
  for (const every of [1, 4, 9]) {
    const { m, reading } = read(inTurns(every))
    t.match({ doubt: m.doubt, uncertain: reading.uncertain }, { doubt: 'several_faces', uncertain: true })
    const baseline = { weight: 5, measures: m.median, shape: m.shape }
    t.equal(learnBaseline(baseline, m, reading), baseline)
    t.equal(calibrateBaseline(inTurns(every)), undefined)
  }
  t.equal(read(inTurns(20)).m.doubt, null, 'somebody may change places once')
  for (const segment of segments)
    t.equal(read(keptWindow(stretched(segment, 40), SIZE)).m.doubt, null, 'nor is one who moves')
})

t.test('a neutral face that another face model has shown counts little in the next session', async (t) => {
  const fixture = readFileSync(new URL('../../fixtures/face-mesh-neutral.json', import.meta.url), 'utf8')
  const { faces } = JSON.parse(fixture) as { faces: string[] }
  const points = faces.map((base64) => {
    const bytes = Buffer.from(base64, 'base64')
    const at = (i: number) => bytes.readInt16LE(2 * i) / 16_384
    return Array.from({ length: 478 }, (_, i) => ({ x: at(3 * i), y: at(3 * i + 1), z: at(3 * i + 2) }))
  })
  const calm = keptWindow(
    Array.from({ length: 40 }, (_, i) => points[i % points.length] ?? []),
    SIZE,
  )
  const learnt = calibrateBaseline(keptWindow(facesOf('neutral'), SIZE))
  t.ok((learnt?.weight ?? 0) > 2)
  t.not(read(calm, learnt).reading.emotion, 'neutral', 'at full weight the two models differ too much')
  const carried = toCarriedBaseline(learnt)
  t.match(carried, { weight: 2, measures: learnt?.measures })
  t.match(read(calm, carried).reading, { emotion: 'neutral' })
  for (const label of ['happy', 'sad', 'surprised', 'disgusted', 'fearful'])
    t.equal(read(keptWindow(facesOf(label), SIZE), carried).reading.emotion, label, 'of the same model')
  t.equal(toCarriedBaseline(undefined), undefined)
})

t.test('a mesh whose irises are swapped is known', async (t) => {
  const [face = []] = facesOf('neutral')
  const swapped = face.map((point, i) => (i < 468 ? point : (face[i < 473 ? i + 5 : i - 5] ?? point)))
  const kept = (data: readonly Point[]) => keepPoints(data) ?? new Float32Array()
  t.equal(hasSwappedIrises(kept(face)), false)
  t.equal(hasSwappedIrises(kept(swapped)), true)
  t.equal(hasSwappedIrises(kept(face.slice(0, 468))), false, 'without irises')
  t.equal(hasSwappedIrises(kept(face.map(() => ({ x: 0.5, y: 0.5, z: 0 })))), false, 'no face at all')
  for (const degrees of [90, 180])
    t.equal(hasSwappedIrises(kept(rolled([swapped], degrees, 4 / 3)[0] ?? [])), true, 'on its side as well')
})
