import type { KeptFrame } from '../../src/domain/face/frame.ts'
import { mouthOpening } from '../../src/domain/face/measure-table.ts'
import { poseFace } from '../../src/domain/face/pose.ts'
import type { Clip, Picture } from './landmark-files.ts'
import { pictureSamples, type Sample } from './samples.ts'

/** Mouth opening, in eye distances. */
const OPENINGS = [0.06, 0.14, 0.22]

/**
 * Copies of the neutral faces of `pictures` with an open mouth, still labelled neutral: an open mouth alone is not an
 * emotion, and no picture set contains enough of them. The movement of the points is taken from synthetic heads that
 * speak with a neutral face.
 */
export function openedMouths(pictures: readonly Picture[], clips: readonly Clip[]): Sample[] {
  const movement = jawMovement(clips)
  if (movement === undefined) return []
  const neutral = pictures.filter(({ label, tier }) => label === 'neutral' && tier !== 'noisy')
  return neutral.flatMap((picture, i) => {
    const face = posed(picture.frame)
    const opening = OPENINGS[i % OPENINGS.length] ?? 0
    if (face === undefined) return []
    const points = Float32Array.from(face.points, (value, k) => value + opening * (movement[k] ?? 0))
    const frame = { at: 0, points, width: 1, height: 1 }
    return pictureSamples([{ ...picture, id: `${picture.id} opened`, tier: 'opened', frame }])
  })
}

const posed = ({ points, width, height }: KeptFrame) => poseFace(points, (width ?? 1) / (height ?? 1))?.face

/** Movement of each coordinate per eye distance of mouth opening: joint least squares, centred per clip. */
function jawMovement(clips: readonly Clip[]): Float64Array | undefined {
  let sums: Float64Array | undefined
  let squares = 0
  for (const clip of clips.filter(({ label }) => label === 'neutral')) {
    const faces = clip.frames.map(posed).filter((face) => face !== undefined)
    const openings = faces.map(mouthOpening)
    const mean = openings.reduce((sum, opening) => sum + opening, 0) / faces.length
    for (const [i, { points }] of faces.entries()) {
      const offset = (openings[i] ?? 0) - mean
      squares += offset * offset
      sums ??= new Float64Array(points.length)
      for (let k = 0; k < points.length; k++) sums[k] = (sums[k] ?? 0) + offset * (points[k] ?? 0)
    }
  }
  return sums?.map((sum) => sum / squares)
}
