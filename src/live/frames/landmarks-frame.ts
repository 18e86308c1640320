import { keepPoints } from '../../domain/face/frame.ts'
import { POINTS_IN_USE } from '../../domain/face/points.ts'
import { scanFrame } from './frame-scanner.ts'

/** The points in use of one landmarks message, with the size of the camera's image when the client sent it. */
export type FramePoints = {
  readonly points: Float32Array
  readonly width: number | null
  readonly height: number | null
}

/** `foreign_mesh`: points in another order than that of the face mesh that is read here. */
export type FrameFault = 'invalid_message' | 'invalid_frame' | 'foreign_mesh'

/** Reads a frame of one form; its points are written to `target`, of `FRAME_FLOATS` numbers. Never throws. */
export type FrameReader = (bytes: Buffer, target: Float32Array) => FramePoints | FrameFault

const LARGEST_SIDE = 16_384

/** Numbers of one kept frame. */
export const FRAME_FLOATS = POINTS_IN_USE.length * 3

/**
 * Reads `{type: "landmarks", data: [{x, y, z} x 468 or 478], timestamp, width?, height?}`, keys in any order. The points
 * are written to `target`, of `FRAME_FLOATS` numbers, when one is given.
 */
export function parseFrame(
  bytes: Buffer,
  target: Float32Array = new Float32Array(FRAME_FLOATS),
): FramePoints | FrameFault {
  const scanned = scanFrame(bytes, target)
  if (scanned !== undefined) return { points: target, ...sizeOf(scanned) }
  let message: unknown
  try {
    message = JSON.parse(bytes.toString('utf8'))
  } catch {
    return 'invalid_message'
  }
  const read = readFrame(message)
  if (typeof read === 'string') return read
  target.set(read.points)
  return { ...read, points: target }
}

export function readFrame(message: unknown): FramePoints | FrameFault {
  if (typeof message !== 'object' || message === null) return 'invalid_message'
  const fields = message as Readonly<Record<string, unknown>> // any object may be asked for any key
  // Of a name that stands twice the last one counts: it may begin like a frame and be something else.
  if (fields['type'] !== 'landmarks') return 'invalid_message'
  const points = Array.isArray(fields['data']) ? keepPoints(fields['data']) : undefined
  return points === undefined ? 'invalid_frame' : { points, ...sizeOf(fields) }
}

function sizeOf({ width, height }: Readonly<Record<string, unknown>>): Omit<FramePoints, 'points'> {
  return isSide(width) && isSide(height) ? { width, height } : { width: null, height: null }
}

const isSide = (value: unknown): value is number =>
  typeof value === 'number' && value >= 1 && value <= LARGEST_SIDE
