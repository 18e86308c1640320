import t from 'tap'
import { decodeMeasures, encodeMeasures } from '../../../src/domain/face/encoding.ts'
import { keepPoints } from '../../../src/domain/face/frame.ts'
import { type Measure } from '../../../src/domain/face/measure-table.ts'
import { MEASURES, measureWindow, type WindowMeasures } from '../../../src/domain/face/measures.ts'
import { POINTS_IN_USE, slot } from '../../../src/domain/face/points.ts'
import {
  AVATAR_HEIGHT,
  AVATAR_WIDTH,
  avatarSegments,
  keptWindow,
  type Point,
  stretched,
} from '../../helpers/avatar.ts'

const segments = avatarSegments()
const happy = stretched(segments[1] ?? [], 40)
const size = { width: AVATAR_WIDTH, height: AVATAR_HEIGHT }

function measured(...input: Parameters<typeof measureWindow>): WindowMeasures {
  const m = measureWindow(...input)
  if (m === undefined) throw new Error('the window has no usable frame')
  return m
}

/** The largest difference of any measure's median. */
function difference(a: WindowMeasures, b: WindowMeasures): number {
  return Math.max(...MEASURES.map(({ name }) => Math.abs(a.median[name] - b.median[name])))
}

/** The same faces after a movement of the image in pixels: z is in the unit of x. */
function moved(faces: Point[][], move: (pixels: Point) => Point): Point[][] {
  return faces.map((face) =>
    face.map(({ x, y, z }) => {
      const to = move({ x: x * AVATAR_WIDTH, y: y * AVATAR_HEIGHT, z: z * AVATAR_WIDTH })
      return { x: to.x / AVATAR_WIDTH, y: to.y / AVATAR_HEIGHT, z: to.z / AVATAR_WIDTH }
    }),
  )
}

/** The same faces filmed with a camera of the same height and another width. */
function reframed(faces: Point[][], width: number): Point[][] {
  const share = AVATAR_WIDTH / width
  return faces.map((face) => face.map(({ x, y, z }) => ({ x: (x - 0.5) * share + 0.5, y, z: z * share })))
}

t.test('a frame keeps the points in use and nothing else', async (t) => {
  const data = happy[0] ?? []
  const kept = keepPoints(data)
  t.equal(kept?.length, POINTS_IN_USE.length * 3)
  t.ok(POINTS_IN_USE.length * 12 <= 2048)
  t.equal(new Set(POINTS_IN_USE).size, POINTS_IN_USE.length)
  t.equal(kept?.[slot(61) * 3 + 1], Math.fround(data[61]?.y ?? 0))
  t.ok(Number.isNaN(keepPoints(data.slice(0, 468))?.[slot(470) * 3]), 'without irises their place is empty')
})

t.test('a frame that is no face mesh is refused', async (t) => {
  const data = happy[0] ?? []
  const replaced = (index: number, point: unknown) => data.map((other, i) => (i === index ? point : other))
  for (const count of [0, 1, 467, 469, 477])
    t.equal(keepPoints(data.slice(0, count)), undefined, `${count} points`)
  t.equal(keepPoints([...data, data[0]]), undefined, '479 points')
  const notKept = Array.from({ length: 468 }, (_, i) => i).find((index) => slot(index) < 0) ?? 0
  const faults = [
    null,
    undefined,
    3,
    'x',
    [0, 0, 0],
    {},
    { x: 0.1, y: 0.2 },
    { x: '0.1', y: 0.2, z: 0 },
    { x: Number.NaN, y: 0.2, z: 0 },
    { x: 0.1, y: Number.POSITIVE_INFINITY, z: 0 },
    { x: 0.1, y: 0.2, z: 1e308 },
    { x: -17, y: 0.2, z: 0 },
  ]
  for (const fault of faults) {
    for (const index of [33, notKept, 477]) {
      t.equal(keepPoints(replaced(index, fault)), undefined, `${JSON.stringify(fault)} at ${index}`)
    }
  }
})

t.test('every measure names its points, unit and source, and its points are kept', async (t) => {
  const table: readonly Measure[] = MEASURES
  t.equal(new Set(table.map(({ name }) => name)).size, table.length)
  for (const { name, points, unit, source, formula } of table) {
    t.ok(points.length > 0, name)
    for (const text of [unit, source, formula]) t.ok(text.length > 0, name)
    for (const index of points) t.ok(slot(index) >= 0, `${name} uses ${index}`)
  }
})

t.test('a measure reads exactly the points it names', async (t) => {
  const all = Float64Array.from({ length: POINTS_IN_USE.length * 3 }, (_, i) => Math.sin(i * 1.7) + 2)
  for (const { name, points, compute } of MEASURES) {
    const value = compute({ points: all })
    const reads = POINTS_IN_USE.filter((_, place) => {
      const without = all.map((old, i) => (Math.floor(i / 3) === place ? Number.NaN : old))
      return !Object.is(compute({ points: without }), value)
    })
    t.same(
      reads,
      [...points].sort((a, b) => slot(a) - slot(b)),
      name,
    )
  }
})

t.test('a moved, scaled and tilted head measures the same', async (t) => {
  const upright = measured(keptWindow(happy, size))
  const turn = (20 * Math.PI) / 180
  const faces = moved(happy, ({ x, y, z }) => ({
    x: 0.6 * (x * Math.cos(turn) - y * Math.sin(turn)) + 150,
    y: 0.6 * (x * Math.sin(turn) + y * Math.cos(turn)) - 30,
    z: 0.6 * z,
  }))
  const tilted = measured(keptWindow(faces, size))
  t.ok(difference(upright, tilted) < 1e-4)
  t.ok(Math.abs(tilted.pose.roll - upright.pose.roll - 20) < 0.1, 'and the tilt is reported')
})

t.test('a flipped picture measures the same', async (t) => {
  const flipped = happy.map((face) => face.map(({ x, y, z }) => ({ x: 1 - x, y, z })))
  const [as, is] = [measured(keptWindow(happy, size)), measured(keptWindow(flipped, size))]
  t.ok(difference(as, is) < 1e-4)
  t.ok(Math.abs(as.pose.yaw + is.pose.yaw) < 0.1, 'and looks the other way')
})

t.test('468 points measure as 478', async (t) => {
  const without = happy.map((face) => face.slice(0, 468))
  t.equal(difference(measured(keptWindow(happy)), measured(keptWindow(without))), 0)
})

t.test('the camera shape is recovered from the faces alone', async (t) => {
  const told = measured(keptWindow(happy, size))
  for (const [shape, width] of [
    [16 / 9, 853.333],
    [4 / 3, 640],
    [1, 480],
    [3 / 4, 360],
    [9 / 16, 270],
  ] as const) {
    const m = measured(keptWindow(reframed(happy, width)))
    t.match(m, { aspect: shape, aspectSource: 'inferred' })
    t.ok(difference(m, told) < 1e-3)
  }
})

t.test(
  'the camera shape that was sent wins over the one found earlier, and that over a new guess',
  async (t) => {
    t.match(measured(keptWindow(happy, size), { aspect: 1 }), { aspect: 4 / 3, aspectSource: 'sent' })
    t.match(measured(keptWindow(happy), { aspect: 1 }), { aspect: 1, aspectSource: 'inferred' })
    const upended = measured(keptWindow(reframed(happy, 270)), { aspect: 16 / 9 })
    t.match(
      upended,
      { aspect: 9 / 16, frameCount: 40 },
      'unless the earlier shape makes no face of any frame',
    )
    t.match(measured(keptWindow(happy, { width: 0, height: 0 })), { aspect: 4 / 3, aspectSource: 'inferred' })
  },
)

t.test('frames that show no usable face are left out and counted', async (t) => {
  const flat = happy.slice(0, 5).map((face) => face.map(() => ({ x: 0.5, y: 0.5, z: 0 })))
  const lengthened = happy.slice(0, 5).map((face) => face.map(({ x, y, z }) => ({ x, y: y * 2.5, z })))
  const away = moved(happy.slice(0, 5), ({ x, y, z }) => {
    const [c, s] = [Math.cos(0.9), Math.sin(0.9)]
    return { x: 320 + (x - 320) * c + z * s, y, z: z * c - (x - 320) * s }
  })
  t.match(measured(keptWindow([...happy, ...flat, ...lengthened, ...away], size)), {
    frameCount: 40,
    framesLeftOut: 15,
  })
  t.equal(measureWindow(keptWindow([...flat, ...lengthened], size)), undefined)
  t.equal(measureWindow([]), undefined)
  const turned = measured(keptWindow([...flat, ...away], size))
  t.match(turned, { frameCount: 5, framesLeftOut: 5 }, 'a head that is turned away all the time is measured')
})

t.test('an opening and closing mouth shows as motion, a held one does not', async (t) => {
  const lowerLip = new Set([14, 178, 402, 17, 181, 405])
  const chewing = happy.map((face, frame) =>
    face.map((point, i) => (lowerLip.has(i) ? { ...point, y: point.y + (frame % 2) * 0.02 } : point)),
  )
  t.ok(measured(keptWindow(happy, size)).mouthMotion < 0.1)
  t.ok(measured(keptWindow(chewing, size)).mouthMotion > 0.2)
})

t.test('the avatar blinks a few times a minute', async (t) => {
  const frames = segments.flat().map(({ data }) => data)
  const perWindow = keptWindow(frames, size).map((frame, i) => ({ ...frame, at: (i * 1000) / 15 }))
  const { blinksPerMinute } = measured(perWindow)
  t.ok(blinksPerMinute > 4 && blinksPerMinute < 30, `${blinksPerMinute}`)
})

t.test('trend and spread tell a window that changes from one that does not', async (t) => {
  const [neutral, smile] = [segments[0]?.[20]?.data ?? [], segments[1]?.[30]?.data ?? []]
  const changing = measured(
    keptWindow([...Array<Point[]>(10).fill(neutral), ...Array<Point[]>(10).fill(smile)], size),
  )
  const held = measured(keptWindow(Array<Point[]>(20).fill(smile), size))
  t.ok(changing.trend.mouthWidth > 0.02)
  t.ok(changing.spread.mouthWidth > 0.02)
  t.equal(held.trend.mouthWidth, 0)
  t.equal(held.spread.mouthWidth, 0)
})

t.test('stored measures come back, and foreign bytes do not', async (t) => {
  const m = measured(keptWindow(happy))
  const bytes = encodeMeasures(m)
  t.ok(bytes.length < 700)
  const back = decodeMeasures(Buffer.concat([Buffer.of(9), bytes]).subarray(1))
  t.match(back, { frameCount: 40, framesLeftOut: 0, aspectSource: 'inferred' })
  t.equal(back?.median.mouthWidth, Math.fround(m.median.mouthWidth))
  t.equal(back?.trend.faceWidth, Math.fround(m.trend.faceWidth))
  t.equal(back?.pose.roll, Math.fround(m.pose.roll))
  t.same(back && encodeMeasures(back), bytes)
  t.equal(decodeMeasures(bytes.subarray(1)), undefined)
  t.equal(decodeMeasures(new Uint8Array(0)), undefined)
  t.equal(decodeMeasures(bytes.with(0, 200)), undefined)
  t.equal(decodeMeasures(bytes.with(1, 9)), undefined)
})
