import { MESH_POINTS, POINTS_IN_USE, REFINED_POINTS, slot } from './points.ts'

/** The part of a landmarks frame that is kept until its window closes. */
export type KeptFrame = {
  /** Milliseconds since the window opened. */
  readonly at: number
  /**
   * x, y, z of each of `POINTS_IN_USE`, as sent: x and y in fractions of the image's width and height, z of its width.
   * The irises are NaN in frames of 468 points.
   */
  readonly points: Float32Array
  /** Size of the camera image in pixels, when the client sent it. */
  readonly width: number | null
  readonly height: number | null
}

/** A face may be partly outside the image; larger coordinates are invalid. */
export const MAX_COORDINATE = 16

/**
 * Selects the points in use of a parsed frame; undefined unless `data` has exactly 468 or 478 objects with valid numbers
 * x, y, z. Hot path: one allocation per frame, none per point.
 */
export function keepPoints(data: readonly unknown[]): Float32Array | undefined {
  if (data.length !== MESH_POINTS && data.length !== REFINED_POINTS) return undefined
  const kept = new Float32Array(POINTS_IN_USE.length * 3)
  if (data.length === MESH_POINTS) kept.fill(Number.NaN)
  for (let index = 0; index < data.length; index++) {
    const point = data[index]
    if (!isPoint(point)) return undefined
    const place = slot(index)
    if (place < 0) continue
    kept[place * 3] = point.x
    kept[place * 3 + 1] = point.y
    kept[place * 3 + 2] = point.z
  }
  return kept
}

type Point = { readonly x: number; readonly y: number; readonly z: number }

function isPoint(value: unknown): value is Point {
  if (typeof value !== 'object' || value === null) return false
  const { x, y, z } = value as Partial<Record<keyof Point, unknown>> // any object may be indexed
  return isCoordinate(x) && isCoordinate(y) && isCoordinate(z)
}

/** False for NaN as well. */
function isCoordinate(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= MAX_COORDINATE
}
