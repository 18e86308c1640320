import { POINTS_IN_USE, slot } from './points.ts'

/**
 * Why the measures of a window are unreliable: parts of the face were outside the image and only guessed by the mesh, or
 * faces of several people alternated.
 */
export type Doubt = 'out_of_picture' | 'several_faces'

/** Maximum share of points outside the image: a chin or a hairline is below it, a mouth or both brows are above. */
const MAX_OUTSIDE_SHARE = 0.15

/** Whether too much of the face is outside the image. `points` as in a kept frame. */
export function isCut(points: Float32Array): boolean {
  let outside = 0
  for (let at = 0; at < points.length; at += 3) {
    const x = points[at] ?? 0
    const y = points[at + 1] ?? 0
    if (x < 0 || x > 1 || y < 0 || y > 1) outside++ // false for missing irises (NaN)
  }
  return outside > MAX_OUTSIDE_SHARE * POINTS_IN_USE.length
}

/** Position and size of a face: midpoint of the outer eye corners, and their distance, in image heights. */
export type FacePlace = { readonly at: number; readonly x: number; readonly y: number; readonly size: number }

/** Locates a face. `points` as in a kept frame; `aspect` is the image's width / height. */
export function locateFace(points: Float32Array, aspect: number, at: number): FacePlace {
  const [a, b] = [slot(33) * 3, slot(263) * 3]
  const [ax, ay, bx, by] = [points[a] ?? 0, points[a + 1] ?? 0, points[b] ?? 0, points[b + 1] ?? 0]
  const size = Math.hypot((bx - ax) * aspect, by - ay, ((points[b + 2] ?? 0) - (points[a + 2] ?? 0)) * aspect)
  return { at, x: ((ax + bx) / 2) * aspect, y: (ay + by) / 2, size }
}

/** Maximum movement of a head between two frames, in eye distances, and maximum ratio of sizes ... */
const MAX_MOVEMENT = 1.2
const MAX_SIZE_RATIO = 1.5
/** ... if the frames are at most this far apart. */
const MAX_FRAME_GAP_MS = 600
/** Tolerates one person who stands up and sits down again. */
const MAX_JUMPS = 2

/** Whether faces of several people alternate in these frames, given in order of time. */
export function hasSeveralFaces(places: readonly FacePlace[]): boolean {
  let jumps = 0
  for (const [i, place] of places.entries()) {
    const before = places[i - 1]
    if (before === undefined || place.at - before.at > MAX_FRAME_GAP_MS) continue
    const [small, large] = [Math.min(before.size, place.size), Math.max(before.size, place.size)]
    const distance = Math.hypot(place.x - before.x, place.y - before.y)
    if (distance > MAX_MOVEMENT * small || large > MAX_SIZE_RATIO * small) jumps++
  }
  return jumps > MAX_JUMPS
}

/** Maximum distance of an iris from the middle of its eye, in widths of that eye. */
const MAX_IRIS_OFFSET = 0.6

/**
 * Whether the irises are swapped, as in the meshes of some libraries, whose depth has another unit as well. False without
 * irises.
 */
export function hasSwappedIrises(points: Float32Array): boolean {
  return (
    isIrisInEye(points, [469, 470, 471, 472], 362, 263) && isIrisInEye(points, [474, 475, 476, 477], 33, 133)
  )
}

function isIrisInEye(points: Float32Array, iris: readonly number[], corner: number, other: number): boolean {
  const mean = (axis: number, indices: readonly number[]) =>
    indices.reduce((sum, index) => sum + (points[slot(index) * 3 + axis] ?? Number.NaN), 0) / indices.length
  const [dx, dy] = [mean(0, iris) - mean(0, [corner, other]), mean(1, iris) - mean(1, [corner, other])]
  const width = Math.hypot(mean(0, [corner]) - mean(0, [other]), mean(1, [corner]) - mean(1, [other]))
  return Math.hypot(dx, dy) < MAX_IRIS_OFFSET * width
}
