import type { Face } from './measure-table.ts'
import { RIGID_POINTS, slot } from './points.ts'
import { determinant, type Matrix3, nearestOrthogonal } from './rigid-fit.ts'

/** A face without its head pose, and the pose in degrees. */
export type PosedFace = {
  readonly face: Face
  readonly yaw: number
  readonly pitch: number
  readonly roll: number
}

/**
 * Mean position of each of `RIGID_POINTS` on a face that looks into the camera, in outer-eye-corner distances, origin at
 * their centre: x to the image's right, y down, z away from the camera. Generalised Procrustes mean, made symmetric,
 * of 2,370 public face pictures (landmarks only).
 */
export const RIGID_SHAPE: readonly (readonly [number, number, number])[] = [
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

/** Where the rigid points stand in a kept frame, and their mean places, flat for the hot loops. */
const RIGID_AT = Int32Array.from(RIGID_POINTS, (index) => slot(index) * 3)
const MEAN_RIGID = Float64Array.from(RIGID_SHAPE.flat())

/** Root mean square distance of the rigid points from the mean shape; the maximum of those pictures is 0.11. */
const MAX_MISFIT = 0.2

const DEGREES = 180 / Math.PI

/**
 * Fits the head to the mean shape and converts all points to the head's axes, in outer-eye-corner distances. `points` as in
 * a kept frame; `aspect` is the image's width / height. Undefined when the points are not a face: all at one position or in
 * one plane, or far from the shape of a head. The points of the face are written to `target`, of the same length.
 */
export function poseFace(
  points: Float32Array,
  aspect: number,
  target: Float64Array = new Float64Array(points.length),
): PosedFace | undefined {
  const inImage = toSquarePixels(points, aspect, target)
  const scale = computeEyeDistance(inImage)
  if (!(scale > 1e-6)) return undefined
  const centre = computeRigidCentre(inImage)
  const toHead = nearestOrthogonal(computeCovariance(inImage, centre, scale))
  if (toHead === undefined) return undefined
  transform(inImage, centre, 1 / scale, toHead)
  const face: Face = { points: inImage }
  if (!(computeMisfit(face) <= MAX_MISFIT)) return undefined
  return { face, ...computeAngles(toHead) }
}

/** Converts x, y and z to one unit, the image height. */
function toSquarePixels(points: Float32Array, aspect: number, target: Float64Array): Float64Array {
  for (let at = 0; at < points.length; at += 3) {
    target[at] = (points[at] ?? 0) * aspect
    target[at + 1] = points[at + 1] ?? 0
    target[at + 2] = (points[at + 2] ?? 0) * aspect
  }
  return target
}

function computeEyeDistance(points: Float64Array): number {
  const right = slot(33) * 3
  const left = slot(263) * 3
  let sum = 0
  for (let axis = 0; axis < 3; axis++) sum += ((points[left + axis] ?? 0) - (points[right + axis] ?? 0)) ** 2
  return Math.sqrt(sum)
}

type Centre = readonly [number, number, number]

function computeRigidCentre(points: Float64Array): Centre {
  let [x, y, z] = [0, 0, 0]
  for (const at of RIGID_AT) {
    x += points[at] ?? 0
    y += points[at + 1] ?? 0
    z += points[at + 2] ?? 0
  }
  return [x / RIGID_AT.length, y / RIGID_AT.length, z / RIGID_AT.length]
}

/** Sum over the rigid points of mean position times measured position from `centre` in units of `scale`, transposed. */
function computeCovariance(points: Float64Array, [cx, cy, cz]: Centre, scale: number): Matrix3 {
  let [xx, xy, xz, yx, yy, yz, zx, zy, zz] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
  for (let i = 0; i < RIGID_AT.length; i++) {
    const at = RIGID_AT[i] ?? 0
    const mx = MEAN_RIGID[i * 3] ?? 0
    const my = MEAN_RIGID[i * 3 + 1] ?? 0
    const mz = MEAN_RIGID[i * 3 + 2] ?? 0
    const x = ((points[at] ?? 0) - cx) / scale
    const y = ((points[at + 1] ?? 0) - cy) / scale
    const z = ((points[at + 2] ?? 0) - cz) / scale
    xx += mx * x
    xy += mx * y
    xz += mx * z
    yx += my * x
    yy += my * y
    yz += my * z
    zx += mz * x
    zy += mz * y
    zz += mz * z
  }
  return [xx, xy, xz, yx, yy, yz, zx, zy, zz]
}

/** Moves all points to `centre`, scales them and rotates them to the head's axes, in place. */
function transform(points: Float64Array, [cx, cy, cz]: Centre, factor: number, matrix: Matrix3): void {
  const [a, b, c, d, e, f, g, h, i] = matrix
  for (let at = 0; at < points.length; at += 3) {
    const x = ((points[at] ?? 0) - cx) * factor
    const y = ((points[at + 1] ?? 0) - cy) * factor
    const z = ((points[at + 2] ?? 0) - cz) * factor
    points[at] = a * x + b * y + c * z
    points[at + 1] = d * x + e * y + f * z
    points[at + 2] = g * x + h * y + i * z
  }
}

function computeMisfit({ points }: Face): number {
  let sum = 0
  for (let i = 0; i < RIGID_AT.length; i++) {
    const at = RIGID_AT[i] ?? 0
    for (let axis = 0; axis < 3; axis++) {
      sum += ((points[at + axis] ?? 0) - (MEAN_RIGID[i * 3 + axis] ?? 0)) ** 2
    }
  }
  return Math.sqrt(sum / RIGID_AT.length)
}

/** Rows of `toHead` are the head's axes in the image; in a mirrored image its x axis points the other way. */
function computeAngles(toHead: Matrix3): { yaw: number; pitch: number; roll: number } {
  const [xx, xy, , , , , zx, zy, zz] = toHead
  const side = determinant(toHead) < 0 ? -1 : 1
  return {
    yaw: Math.atan2(-zx, zz) * DEGREES,
    pitch: Math.atan2(-zy, Math.sqrt(zx * zx + zz * zz)) * DEGREES,
    roll: Math.atan2(side * xy, side * xx) * DEGREES,
  }
}
