import { MAX_COORDINATE } from '../../domain/face/frame.ts'
import { MESH_POINTS, POINTS_IN_USE, REFINED_POINTS } from '../../domain/face/points.ts'
import { HEADER_BYTES, heightIn, isShort, pointsIn, widthIn } from '../../lib/binary-header.ts'
import { type FramePoints, FRAME_FLOATS } from './landmarks-frame.ts'

/** A 16-bit coordinate counts in these parts of the image's side. */
const PARTS = 16_384
/** Beyond it stands only what an encoder that saturates would write. */
const LARGEST_INT16 = 32_766

/** Whether this looks like a whole binary frame, its points not looked at. */
export const isBinaryFrame = (bytes: Buffer): boolean => {
  const count = pointsIn(bytes)
  return count === MESH_POINTS || count === REFINED_POINTS
}

/**
 * Reads one binary landmarks frame, header and points, described byte by byte in docs/websocket.md. Never throws, and
 * takes nothing that is not exactly such a frame: another version, unknown flags, a wrong length, a size with one side,
 * a number beyond 2^53 or a coordinate that is none makes it `invalid_frame`. The points are written to `target`, of
 * `FRAME_FLOATS` numbers, as `keepPoints` lays them out.
 */
export function decodeFrame(
  bytes: Buffer,
  target: Float32Array = new Float32Array(FRAME_FLOATS),
): FramePoints | 'invalid_frame' {
  if (!isBinaryFrame(bytes)) return 'invalid_frame'
  const count = pointsIn(bytes)
  const read = isShort(bytes) ? readInt16 : readFloat32
  // Points that are not kept must be points as well, as in JSON: a frame is taken whole or not at all.
  for (let place = 0; place < count * 3; place++) if (Number.isNaN(read(bytes, place))) return 'invalid_frame'
  for (let slot = 0; slot < POINTS_IN_USE.length; slot++) {
    const index = POINTS_IN_USE[slot] ?? 0
    const isThere = index < count // the irises of a mesh without them are NaN
    for (let axis = 0; axis < 3; axis++)
      target[slot * 3 + axis] = isThere ? read(bytes, index * 3 + axis) : Number.NaN
  }
  return { points: target, width: widthIn(bytes), height: heightIn(bytes) }
}

/** A coordinate, or NaN when what stands there is none. */
function readFloat32(bytes: Buffer, place: number): number {
  const value = bytes.readFloatLE(HEADER_BYTES + place * 4)
  return Math.abs(value) <= MAX_COORDINATE ? value : Number.NaN
}

function readInt16(bytes: Buffer, place: number): number {
  const parts = bytes.readInt16LE(HEADER_BYTES + place * 2)
  return Math.abs(parts) <= LARGEST_INT16 ? parts / PARTS : Number.NaN
}
