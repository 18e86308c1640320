/** Bytes before the points of a binary frame, which docs/websocket.md describes one by one. */
export const HEADER_BYTES = 24
const VERSION = 1
const INT16 = 1
const LARGEST_SIDE = 16_384

/** The frame's number without anything else being looked at; undefined when it has none, or this is no binary frame. */
export function frameNumberOf(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) return undefined
  const frame = readCount(bytes, 16)
  return Number.isSafeInteger(frame) && frame > 0 ? frame : undefined
}

/** How many points a frame has; 0 unless its header and its length are exactly those of a frame. Never throws. */
export function pointsIn(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION || (bytes.readUInt8(1) & ~INT16) !== 0) return 0
  const count = bytes.readUInt16LE(2)
  const width = bytes.readUInt16LE(4)
  const height = bytes.readUInt16LE(6)
  if (bytes.length !== HEADER_BYTES + count * 3 * (isShort(bytes) ? 2 : 4)) return 0
  if ((width === 0) !== (height === 0) || width > LARGEST_SIDE || height > LARGEST_SIDE) return 0
  return Number.isSafeInteger(readCount(bytes, 8)) && Number.isSafeInteger(readCount(bytes, 16)) ? count : 0
}

/** Whether its points are 16-bit numbers, of a frame that `pointsIn` has seen. */
export const isShort = (bytes: Buffer): boolean => bytes[1] === INT16

/** Of the camera's image in pixels, both or neither, of a frame that `pointsIn` has seen. */
export const widthIn = (bytes: Buffer): number | null => bytes.readUInt16LE(4) || null
export const heightIn = (bytes: Buffer): number | null => bytes.readUInt16LE(6) || null

/** An unsigned 64-bit number; beyond 2^53 only roughly, which its reader refuses. */
const readCount = (bytes: Buffer, offset: number): number =>
  bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 2 ** 32
