import { POINTS_IN_USE } from '../../../src/domain/face/points.ts'

/**
 * What may be taken for a frame, written down a second time from the wire's description (docs/websocket.md) and as
 * plainly as can be: no scanner, no shared code, no thought of speed.
 */

/** Every coordinate of a frame, and the size of its image. */
type Frame = {
  readonly coordinates: readonly number[]
  readonly width: number | null
  readonly height: number | null
}

export type Oracle = (bytes: Buffer) => Frame | undefined

const COUNTS = [468, 478]
const FARTHEST = 16
const LARGEST_SIDE = 16_384

const isSide = (value: unknown): value is number =>
  typeof value === 'number' && value >= 1 && value <= LARGEST_SIDE

/** A message as text: JSON, of type landmarks, 468 or 478 points of three numbers each. */
export const textOracle: Oracle = (bytes) => {
  let message: unknown
  try {
    message = JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined // no JSON, no frame
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return undefined
  const fields = new Map<string, unknown>(Object.entries(message))
  const data = fields.get('data')
  if (fields.get('type') !== 'landmarks' || !Array.isArray(data) || !COUNTS.includes(data.length))
    return undefined
  const coordinates: number[] = []
  for (const point of data as unknown[]) {
    if (typeof point !== 'object' || point === null) return undefined
    for (const axis of ['x', 'y', 'z']) {
      const value: unknown = Object.getOwnPropertyDescriptor(point, axis)?.value
      if (typeof value !== 'number' || !(value >= -FARTHEST && value <= FARTHEST)) return undefined
      coordinates.push(value)
    }
  }
  const [width, height] = [fields.get('width'), fields.get('height')]
  return isSide(width) && isSide(height)
    ? { coordinates, width, height }
    : { coordinates, width: null, height: null }
}

/** A binary message, by the table of its bytes. */
export const binaryOracle: Oracle = (bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.byteLength < 24 || view.getUint8(0) !== 1) return undefined
  const flags = view.getUint8(1)
  const count = view.getUint16(2, true)
  if (flags > 1 || !COUNTS.includes(count)) return undefined
  const size = flags === 1 ? 2 : 4
  if (view.byteLength !== 24 + count * 3 * size) return undefined
  const [width, height] = [view.getUint16(4, true), view.getUint16(6, true)]
  if ((width === 0) !== (height === 0) || Math.max(width, height) > LARGEST_SIDE) return undefined
  if ([8, 16].some((at) => view.getBigUint64(at, true) >= 2n ** 53n)) return undefined
  const coordinates: number[] = []
  for (let at = 24; at < view.byteLength; at += size) {
    const value = size === 2 ? view.getInt16(at, true) : view.getFloat32(at, true)
    const farthest = size === 2 ? 32_766 : FARTHEST
    if (!(value >= -farthest && value <= farthest)) return undefined
    coordinates.push(size === 2 ? value / 16_384 : value)
  }
  return { coordinates, width: width || null, height: height || null }
}

/** One step of a float32 at this size, which reading the digits of a double may cost. */
const step = (value: number) => Math.max(Math.abs(value) * 2 ** -23, 2 ** -149)

/** What differs between what was kept of a frame and what the frame says; undefined when nothing does. */
export function differenceFrom(
  frame: Frame,
  kept: { readonly points: Float32Array; readonly width: number | null; readonly height: number | null },
): string | undefined {
  if (kept.width !== frame.width || kept.height !== frame.height) return 'another size'
  for (const [slot, index] of POINTS_IN_USE.entries()) {
    for (let axis = 0; axis < 3; axis++) {
      const said = frame.coordinates[index * 3 + axis]
      const read = kept.points[slot * 3 + axis] ?? Number.NaN
      if (said === undefined ? Number.isNaN(read) : Math.abs(read - said) <= step(said)) continue
      return `${read} where ${String(said)} stands, in point ${index}`
    }
  }
  return undefined
}
