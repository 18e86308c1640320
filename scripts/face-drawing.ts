import { LOCAL_MODEL } from '../src/domain/face/model.ts'
import { RIGID_POINTS, SHAPE_MIDLINE, SHAPE_PAIRS } from '../src/domain/face/points.ts'
import { RIGID_SHAPE } from '../src/domain/face/pose.ts'

type Place = readonly [number, number]

/** Landmark positions of the mean training face, from the front, in eye distances. */
const PLACES: ReadonlyMap<number, Place> = meanFace()

/** Lines of landmarks; lines of one side are mirrored. */
const OVAL = [10, 67, 103, 54, 21, 162, 127, 132, 172, 149, 176, 152]
const HALF_LINES = [
  OVAL,
  [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7, 33],
  [46, 53, 52, 65, 55, 107, 66, 105, 63, 70, 46],
  [0, 37, 39, 40, 185, 61, 146, 91, 181, 84, 17],
  [13, 82, 81, 80, 191, 78, 95, 88, 178, 87, 14],
  [6, 197, 195, 4, 1, 2, 97, 102, 129],
]

const SIZE = 220
const SCALE = 128
const TOP = 118

/** The face from the front as SVG, with the given landmarks marked and numbered. */
export function faceWith(title: string, landmarks: readonly number[]): string {
  const lines = HALF_LINES.flatMap((line) => [line, line.map(partner)]).map(
    (line) => `<polyline points="${line.map((index) => at(index).join(',')).join(' ')}"/>`,
  )
  const marks = landmarks.map((index) => {
    const [x, y] = at(index)
    return `<circle cx="${x}" cy="${y}" r="2.6"/><text x="${x + (x < SIZE / 2 ? -4 : 4)}" y="${y - 4}" text-anchor="${x < SIZE / 2 ? 'end' : 'start'}">${index}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE} ${SIZE}" width="${SIZE}" height="${SIZE}" role="img">
<title>${title}</title>
<rect width="${SIZE}" height="${SIZE}" fill="#fff"/>
<g fill="none" stroke="#9aa4ad" stroke-width="1">
${lines.join('\n')}
</g>
<g fill="#c0392b" font-family="sans-serif" font-size="7">
${marks.join('\n')}
</g>
</svg>
`
}

function meanFace(): Map<number, Place> {
  const places = new Map<number, Place>()
  for (const [i, index] of RIGID_POINTS.entries()) {
    const [x, y] = RIGID_SHAPE[i] ?? [0, 0, 0]
    places.set(index, [x, y])
  }
  const { mean } = LOCAL_MODEL.shape
  for (const [i, [right, left]] of SHAPE_PAIRS.entries()) {
    const [half, y] = [mean[i * 3] ?? 0, mean[i * 3 + 1] ?? 0]
    places.set(right, [-half, y])
    places.set(left, [half, y])
  }
  const first = SHAPE_PAIRS.length * 3
  for (const [i, index] of SHAPE_MIDLINE.entries()) places.set(index, [0, mean[first + i * 2] ?? 0])
  return places
}

const PARTNERS: ReadonlyMap<number, number> = new Map([
  ...SHAPE_PAIRS,
  ...RIGID_POINTS.flatMap((index, i): [number, number][] => {
    const other = RIGID_POINTS[i + 1]
    return i % 2 === 0 && i < RIGID_POINTS.indexOf(10) && other !== undefined ? [[index, other]] : []
  }),
])

const partner = (index: number): number => PARTNERS.get(index) ?? index

function at(index: number): Place {
  const [x, y] = PLACES.get(index) ?? [0, 0]
  return [Math.round((SIZE / 2 + x * SCALE) * 10) / 10, Math.round((TOP - 36 + y * SCALE) * 10) / 10]
}
