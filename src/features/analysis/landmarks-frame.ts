import { keepPoints } from '../../domain/face/frame.ts'

/** The points in use of one landmarks message, with the size of the camera's image when the client sent it. */
export type FramePoints = {
  readonly points: Float32Array
  readonly width: number | null
  readonly height: number | null
}

export type FrameFault = 'invalid_message' | 'invalid_frame'

const LARGEST_SIDE = 16_384

/** Reads `{type: "landmarks", data: [{x, y, z} x 468 or 478], timestamp, width?, height?}`, keys in any order. */
export function parseFrame(bytes: Buffer): FramePoints | FrameFault {
  let message: unknown
  try {
    message = JSON.parse(bytes.toString('utf8'))
  } catch {
    return 'invalid_message'
  }
  return readFrame(message)
}

export function readFrame(message: unknown): FramePoints | FrameFault {
  if (typeof message !== 'object' || message === null) return 'invalid_message'
  const { data, width, height } = message as Record<string, unknown> // any object may be asked for any key
  const points = Array.isArray(data) ? keepPoints(data) : undefined
  if (points === undefined) return 'invalid_frame'
  const sized = isSide(width) && isSide(height)
  return { points, width: sized ? width : null, height: sized ? height : null }
}

const isSide = (value: unknown): value is number =>
  typeof value === 'number' && value >= 1 && value <= LARGEST_SIDE
