import { POINTS_IN_USE, slot } from './points.ts'

/**
 * Why the measures of a whole window are not to be relied on: parts of the face that the mesh could only guess, as they
 * were outside the picture, or faces of several people that took turns.
 */
export type Doubt = 'out_of_picture' | 'several_faces'

/** A chin or a hairline at the edge is less than this share of the points; a mouth or both brows are more. */
const MOST_OUTSIDE = 0.15

/** Whether so much of the face is outside the picture that the mesh has guessed it. `points` as in a kept frame. */
export function isCut(points: Float32Array): boolean {
  let outside = 0
  for (let at = 0; at < points.length; at += 3) {
    const x = points[at] ?? 0
    const y = points[at + 1] ?? 0
    if (x < 0 || x > 1 || y < 0 || y > 1) outside++ // false for irises that did not come
  }
  return outside > MOST_OUTSIDE * POINTS_IN_USE.length
}

/** Where a face was and how large: middle of the outer eye corners, and their distance, in heights of the image. */
export type FacePlace = { readonly at: number; readonly x: number; readonly y: number; readonly size: number }

/** `points` as in a kept frame; `aspect` is the image's width / height. */
export function placeOf(points: Float32Array, aspect: number, at: number): FacePlace {
  const [a, b] = [slot(33) * 3, slot(263) * 3]
  const [ax, ay, bx, by] = [points[a] ?? 0, points[a + 1] ?? 0, points[b] ?? 0, points[b + 1] ?? 0]
  const size = Math.hypot((bx - ax) * aspect, by - ay, ((points[b + 2] ?? 0) - (points[a + 2] ?? 0)) * aspect)
  return { at, x: ((ax + bx) / 2) * aspect, y: (ay + by) / 2, size }
}

/** Nobody's head moves further, in eye distances, or comes closer by more from one frame to the next ... */
const FURTHEST = 1.2
const LARGEST_RATIO = 1.5
/** ... when they are no further apart than this. */
const NEXT_MS = 600
/** Somebody may jump up once and sit down again. */
const MOST_JUMPS = 2

/** Whether faces of several people take turns in these frames, in order of time. */
export function hasSeveralFaces(places: readonly FacePlace[]): boolean {
  let jumps = 0
  for (const [i, place] of places.entries()) {
    const before = places[i - 1]
    if (before === undefined || place.at - before.at > NEXT_MS) continue
    const [small, large] = [Math.min(before.size, place.size), Math.max(before.size, place.size)]
    const way = Math.hypot(place.x - before.x, place.y - before.y)
    if (way > FURTHEST * small || large > LARGEST_RATIO * small) jumps++
  }
  return jumps > MOST_JUMPS
}

/** How near an iris is to the middle of an eye that it belongs to, in widths of that eye. */
const WITHIN_EYE = 0.6

/**
 * Whether each iris is in the other eye: so do the meshes of some libraries, whose depth has another unit as well. False
 * where no irises came.
 */
export function hasSwappedIrises(points: Float32Array): boolean {
  return isIn(points, [469, 470, 471, 472], 362, 263) && isIn(points, [474, 475, 476, 477], 33, 133)
}

function isIn(points: Float32Array, iris: readonly number[], corner: number, other: number): boolean {
  const mean = (axis: number, of: readonly number[]) =>
    of.reduce((sum, index) => sum + (points[slot(index) * 3 + axis] ?? Number.NaN), 0) / of.length
  const [dx, dy] = [mean(0, iris) - mean(0, [corner, other]), mean(1, iris) - mean(1, [corner, other])]
  const width = Math.hypot(mean(0, [corner]) - mean(0, [other]), mean(1, [corner]) - mean(1, [other]))
  return Math.hypot(dx, dy) < WITHIN_EYE * width
}
