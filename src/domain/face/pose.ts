import type { Face } from './measure-table.ts'
import { RIGID_POINTS, slot } from './points.ts'
import { determinant, type Matrix3, nearestOrthogonal } from './rigid-fit.ts'

/** A face with its head pose removed, and that pose in degrees. */
export type PosedFace = {
  readonly face: Face
  readonly yaw: number
  readonly pitch: number
  readonly roll: number
}

/**
 * Mean place of each of `RIGID_POINTS` on a face that looks into the camera, in outer-eye-corner distances, origin at
 * their centre: x to the image's right, y down, z away from the camera. Generalised Procrustes mean, made symmetric,
 * of 2,370 public face pictures (landmarks only).
 */
const RIGID_SHAPE: readonly (readonly [number, number, number])[] = [
  [-0.395, -0.334, -0.164],
  [0.395, -0.334, -0.164],
  [-0.558, -0.286, -0.039],
  [0.558, -0.286, -0.039],
  [-0.664, -0.207, 0.107],
  [0.664, -0.207, 0.107],
  [-0.73, -0.101, 0.25],
  [0.73, -0.101, 0.25],
  [-0.765, 0.02, 0.403],
  [0.765, 0.02, 0.403],
  [-0.777, 0.172, 0.531],
  [0.777, 0.172, 0.531],
  [-0.5, 0.19, -0.004],
  [0.5, 0.19, -0.004],
  [-0.199, 0.215, -0.059],
  [0.199, 0.215, -0.059],
  [0, -0.359, -0.252],
  [0, -0.187, -0.273],
  [0, -0.009, -0.281],
  [0, 0.174, -0.246],
  [0, 0.268, -0.284],
  [0, 0.349, -0.331],
  [0, 0.422, -0.382],
]

/** Root mean square distance of the rigid points from the mean shape; the worst of those pictures has 0.11. */
const LARGEST_MISFIT = 0.2

const DEGREES = 180 / Math.PI

/**
 * Fits the head to the mean shape and expresses all points in the head's own axes, in outer-eye-corner distances.
 * `points` as in a kept frame; `aspect` is the image's width / height. Undefined when the points are no face: all in
 * one place or plane, or far from the shape of a head.
 */
export function poseFace(points: Float32Array, aspect: number): PosedFace | undefined {
  const inImage = squarePixels(points, aspect)
  const scale = eyeDistance(inImage)
  if (!(scale > 1e-6)) return undefined
  const centre = rigidCentre(inImage)
  for (let i = 0; i < inImage.length; i++) inImage[i] = ((inImage[i] ?? 0) - (centre[i % 3] ?? 0)) / scale
  const toHead = nearestOrthogonal(covariance(inImage))
  if (toHead === undefined) return undefined
  const face: Face = { points: rotate(inImage, toHead) }
  if (!(misfit(face) <= LARGEST_MISFIT)) return undefined
  return { face, ...angles(toHead) }
}

/** x, y and z in one unit, the image's height. */
function squarePixels(points: Float32Array, aspect: number): Float64Array {
  const square = new Float64Array(points.length)
  for (let i = 0; i < points.length; i++) square[i] = (points[i] ?? 0) * (i % 3 === 1 ? 1 : aspect)
  return square
}

function eyeDistance(points: Float64Array): number {
  const right = slot(33) * 3
  const left = slot(263) * 3
  let sum = 0
  for (let axis = 0; axis < 3; axis++) sum += ((points[left + axis] ?? 0) - (points[right + axis] ?? 0)) ** 2
  return Math.sqrt(sum)
}

function rigidCentre(points: Float64Array): readonly [number, number, number] {
  let [x, y, z] = [0, 0, 0]
  for (const index of RIGID_POINTS) {
    const at = slot(index) * 3
    x += points[at] ?? 0
    y += points[at + 1] ?? 0
    z += points[at + 2] ?? 0
  }
  return [x / RIGID_POINTS.length, y / RIGID_POINTS.length, z / RIGID_POINTS.length]
}

/** Sum over the rigid points of mean place times measured place, transposed. */
function covariance(points: Float64Array): Matrix3 {
  const sums: [number, number, number, number, number, number, number, number, number] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0,
  ]
  for (const [i, index] of RIGID_POINTS.entries()) {
    const [mx, my, mz] = RIGID_SHAPE[i] ?? [0, 0, 0]
    const at = slot(index) * 3
    const x = points[at] ?? 0
    const y = points[at + 1] ?? 0
    const z = points[at + 2] ?? 0
    sums[0] += mx * x
    sums[1] += mx * y
    sums[2] += mx * z
    sums[3] += my * x
    sums[4] += my * y
    sums[5] += my * z
    sums[6] += mz * x
    sums[7] += mz * y
    sums[8] += mz * z
  }
  return sums
}

function rotate(points: Float64Array, [a, b, c, d, e, f, g, h, i]: Matrix3): Float64Array {
  const turned = new Float64Array(points.length)
  for (let at = 0; at < points.length; at += 3) {
    const x = points[at] ?? 0
    const y = points[at + 1] ?? 0
    const z = points[at + 2] ?? 0
    turned[at] = a * x + b * y + c * z
    turned[at + 1] = d * x + e * y + f * z
    turned[at + 2] = g * x + h * y + i * z
  }
  return turned
}

function misfit({ points }: Face): number {
  let sum = 0
  for (const [i, index] of RIGID_POINTS.entries()) {
    const place = RIGID_SHAPE[i] ?? [0, 0, 0]
    const at = slot(index) * 3
    for (let axis = 0; axis < 3; axis++) sum += ((points[at + axis] ?? 0) - (place[axis] ?? 0)) ** 2
  }
  return Math.sqrt(sum / RIGID_POINTS.length)
}

/** Rows of `toHead` are the head's axes in the image; in a mirrored image its x axis points the other way. */
function angles(toHead: Matrix3): { yaw: number; pitch: number; roll: number } {
  const [xx, xy, , , , , zx, zy, zz] = toHead
  const side = determinant(toHead) < 0 ? -1 : 1
  return {
    yaw: Math.atan2(-zx, zz) * DEGREES,
    pitch: Math.atan2(-zy, Math.sqrt(zx * zx + zz * zz)) * DEGREES,
    roll: Math.atan2(side * xy, side * xx) * DEGREES,
  }
}
