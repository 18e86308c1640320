/** Length of the header of a binary frame; docs/websocket.md describes each byte. */
export const HEADER_BYTES = 24
const VERSION = 1
const INT16 = 1
const MAX_SIDE = 16_384

/** Reads only the frame number; undefined when it is missing or this is not a binary frame. */
export function frameNumberOf(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) return undefined
  const frame = readCount(bytes, 16)
  return Number.isSafeInteger(frame) && frame > 0 ? frame : undefined
}

/** Number of points of a frame; 0 unless header and length are valid. Never throws. */
export function pointsIn(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION || (bytes.readUInt8(1) & ~INT16) !== 0) return 0
  const count = bytes.readUInt16LE(2)
  const width = bytes.readUInt16LE(4)
  const height = bytes.readUInt16LE(6)
  if (bytes.length !== HEADER_BYTES + count * 3 * (isShort(bytes) ? 2 : 4)) return 0
  if ((width === 0) !== (height === 0) || width > MAX_SIDE || height > MAX_SIDE) return 0
  return Number.isSafeInteger(readCount(bytes, 8)) && Number.isSafeInteger(readCount(bytes, 16)) ? count : 0
}

/** Whether the points are 16-bit numbers. Only for a frame that `pointsIn` has validated. */
export const isShort = (bytes: Buffer): boolean => bytes[1] === INT16

/** Width and height of the camera image in pixels, or both null. Only for a frame that `pointsIn` has validated. */
export const widthIn = (bytes: Buffer): number | null => bytes.readUInt16LE(4) || null
export const heightIn = (bytes: Buffer): number | null => bytes.readUInt16LE(6) || null

/** An unsigned 64-bit number; inexact beyond 2^53, which callers refuse. */
const readCount = (bytes: Buffer, offset: number): number =>
  bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 2 ** 32
