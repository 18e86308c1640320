import type { KeptFrame } from './frame.ts'
import { slot } from './points.ts'
import { median } from './statistics.ts'

/** Common aspect ratios (width / height) of camera images. */
const COMMON_ASPECTS = [16 / 9, 4 / 3, 1, 3 / 4, 9 / 16] as const

/** Wider or taller images are invalid. */
const MAX_ASPECT = 4

/**
 * Distance between the outer eye corners (33, 263) divided by that from hairline to base of the nose (10, 2). Both hardly
 * change with expression. Median over public face pictures (landmarks only).
 */
const EYES_TO_NOSE = 0.895

/** Width divided by height of an iris in the mesh. Same source. */
const IRIS_ROUNDNESS = 1.113

/** A segment across the face and one down it, by the points at their ends; `ratio` is the first length by the second. */
type Proportion = {
  readonly across: readonly [left: number, right: number]
  readonly down: readonly [top: number, bottom: number]
  readonly ratio: number
}

const FACE: Proportion = { across: [33, 263], down: [10, 2], ratio: EYES_TO_NOSE }
const RIGHT_IRIS: Proportion = { across: [469, 471], down: [470, 472], ratio: IRIS_ROUNDNESS }
const LEFT_IRIS: Proportion = { across: [474, 476], down: [475, 477], ratio: IRIS_ROUNDNESS }

/** Minimum number of frames that can contradict a sent size. */
const MIN_FRAMES = 4

/** Difference in ln(aspect) that indicates rotation: more than between neighbouring ratios, less than 4:3 to 3:4. */
const MIN_ROTATION = 0.43

/** The aspect ratio (width / height) that the client sent with a frame; undefined when missing or invalid. */
export function getSentAspect({ width, height }: KeptFrame): number | undefined {
  if (width === null || height === null) return undefined
  const aspect = width / height
  return width > 0 && aspect >= 1 / MAX_ASPECT && aspect <= MAX_ASPECT ? aspect : undefined
}

/**
 * Infers the aspect ratio (width / height) of the camera image from the faces in it, as the nearest common ratio;
 * undefined when the frames give no estimate.
 *
 * x is in image widths and y in image heights. Two segments of known relative length, across and down the face, give an
 * equation for the ratio of the units in each frame; the median of its logarithm over the window is one half of the
 * estimate. The round irises are the other half, if present. `known`, the ratio of an earlier window, is kept unless the
 * faces clearly contradict it, for example after a phone was rotated.
 */
export function inferAspect(frames: readonly KeptFrame[], known?: number): number | undefined {
  const estimate = estimateLogAspect(frames)
  if (estimate === undefined) return known
  return known !== undefined && !isRotated(known, estimate) ? known : nearest(COMMON_ASPECTS, estimate)
}

/**
 * Returns the sent aspect ratio, or an estimate when the faces clearly contradict it: some clients send a rotated size or
 * that of another image.
 */
export function correctAspect(frames: readonly KeptFrame[], sent: number): number {
  const estimate = frames.length < MIN_FRAMES ? undefined : estimateLogAspect(frames)
  if (estimate === undefined || !isRotated(sent, estimate)) return sent
  return nearest([1 / sent, ...COMMON_ASPECTS], estimate)
}

/** Estimates ln(width / height) from the faces. */
function estimateLogAspect(frames: readonly KeptFrame[]): number | undefined {
  const face = medianLog(frames, [FACE])
  const irises = medianLog(frames, [RIGHT_IRIS, LEFT_IRIS])
  return face === undefined || irises === undefined ? (face ?? irises) : (face + irises) / 2
}

function medianLog(frames: readonly KeptFrame[], proportions: readonly Proportion[]): number | undefined {
  const known: number[] = []
  for (const { points } of frames) {
    for (const proportion of proportions) {
      const estimate = computeLogAspect(points, proportion)
      if (estimate !== undefined) known.push(estimate)
    }
  }
  return known.length === 0 ? undefined : median(known)
}

/**
 * ln(width / height) for which the segment across, e, is `ratio` times as long as that down, v: the solution of
 * ratio^2 * (w^2 (vx^2 + vz^2) + h^2 vy^2) = w^2 (ex^2 + ez^2) + h^2 ey^2 for w / h.
 */
function computeLogAspect(points: Float32Array, proportion: Proportion): number | undefined {
  const { ratio } = proportion
  const across = difference(points, ...proportion.across)
  const down = difference(points, ...proportion.down)
  const heights = ratio ** 2 * down.y ** 2 - across.y ** 2
  const widths = across.x ** 2 + across.z ** 2 - ratio ** 2 * (down.x ** 2 + down.z ** 2)
  // Both are negative for a head rotated by 90 degrees.
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

function isRotated(known: number, logAspectOfImage: number): boolean {
  return Math.abs(Math.log(known) - logAspectOfImage) > MIN_ROTATION
}
