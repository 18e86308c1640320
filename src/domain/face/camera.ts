import type { KeptFrame } from './frame.ts'
import { slot } from './points.ts'
import { median } from './statistics.ts'

/** Width / height of the images that cameras give. */
const SHAPES = [16 / 9, 4 / 3, 1, 3 / 4, 9 / 16] as const

/** Wider or taller than this is no camera image. */
const EXTREME = 4

/**
 * Distance between the outer eye corners (33, 263) over that from hairline to base of the nose (10, 2). Both hardly
 * change with expression. Median over public face pictures (landmarks only).
 */
const EYES_TO_NOSE = 0.895

/** Width over height of what the mesh takes for a round iris. Same source. */
const IRIS_ROUNDNESS = 1.113

/** Fewer faces than this are no evidence against a size. */
const ENOUGH_FRAMES = 4

/** In ln of the shape: more than one step between neighbouring shapes, less than 4:3 turned on its side. */
const TURNED = 0.43

/** Width / height of the image of one frame as its client sent it, or undefined when it did not or it is nonsense. */
export function sentAspect({ width, height }: KeptFrame): number | undefined {
  if (width === null || height === null) return undefined
  const aspect = width / height
  return width > 0 && aspect >= 1 / EXTREME && aspect <= EXTREME ? aspect : undefined
}

/**
 * Width / height of the camera image, found from the faces in it, as the nearest shape that cameras give; undefined
 * when the frames say nothing.
 *
 * x comes in widths and y in heights, so a face looks squeezed until both are in one unit. Two segments of known
 * relative length, across and down the face, give one equation for the ratio of the units in each frame; the median
 * of its logarithm over the window counts half. Irises, being round, are the other half, where they came. `known`, the shape found in
 * an earlier window, stays unless the faces speak clearly against it: a phone was turned.
 */
export function inferAspect(frames: readonly KeptFrame[], known?: number): number | undefined {
  const estimate = estimateOf(frames)
  if (estimate === undefined) return known
  return known !== undefined && !isTurned(known, estimate) ? known : nearest(SHAPES, estimate)
}

/**
 * The width / height that a client has sent, or what the faces in these frames show when they speak clearly against it:
 * some clients send a size that is turned on its side, or that of another picture.
 */
export function correctedAspect(frames: readonly KeptFrame[], sent: number): number {
  const estimate = frames.length < ENOUGH_FRAMES ? undefined : estimateOf(frames)
  if (estimate === undefined || !isTurned(sent, estimate)) return sent
  return nearest([1 / sent, ...SHAPES], estimate)
}

/** ln of width / height as the faces show it. */
function estimateOf(frames: readonly KeptFrame[]): number | undefined {
  const face = medianLog(frames, (points) => [logAspect(points, 33, 263, 10, 2, EYES_TO_NOSE)])
  const irises = medianLog(frames, (points) => [
    logAspect(points, 469, 471, 470, 472, IRIS_ROUNDNESS),
    logAspect(points, 474, 476, 475, 477, IRIS_ROUNDNESS),
  ])
  return face === undefined || irises === undefined ? (face ?? irises) : (face + irises) / 2
}

function medianLog(
  frames: readonly KeptFrame[],
  estimates: (points: Float32Array) => (number | undefined)[],
): number | undefined {
  const known = frames.flatMap(({ points }) => estimates(points)).filter((value) => value !== undefined)
  return known.length === 0 ? undefined : median(known)
}

/**
 * ln of width / height under which the segment from `left` to `right` is `ratio` times as long as that from `top` to
 * `bottom`: the solution of ratio^2 * (w^2 (vx^2 + vz^2) + h^2 vy^2) = w^2 (ex^2 + ez^2) + h^2 ey^2 for w / h.
 */
function logAspect(
  points: Float32Array,
  left: number,
  right: number,
  top: number,
  bottom: number,
  ratio: number,
): number | undefined {
  const across = difference(points, left, right)
  const down = difference(points, top, bottom)
  const heights = ratio ** 2 * down.y ** 2 - across.y ** 2
  const widths = across.x ** 2 + across.z ** 2 - ratio ** 2 * (down.x ** 2 + down.z ** 2)
  // Both are negative when the head lies on its side.
  const squared = heights / widths
  return squared > 0 && Number.isFinite(squared) ? Math.log(squared) / 2 : undefined
}

function difference(points: Float32Array, from: number, to: number): { x: number; y: number; z: number } {
  const a = slot(from) * 3
  const b = slot(to) * 3
  return {
    x: (points[b] ?? Number.NaN) - (points[a] ?? Number.NaN),
    y: (points[b + 1] ?? Number.NaN) - (points[a + 1] ?? Number.NaN),
    z: (points[b + 2] ?? Number.NaN) - (points[a + 2] ?? Number.NaN),
  }
}

function nearest(shapes: readonly number[], logAspectOfImage: number): number {
  const distance = (shape: number) => Math.abs(Math.log(shape) - logAspectOfImage)
  return shapes.reduce((best, shape) => (distance(shape) < distance(best) ? shape : best), 1)
}

function isTurned(known: number, logAspectOfImage: number): boolean {
  return Math.abs(Math.log(known) - logAspectOfImage) > TURNED
}
