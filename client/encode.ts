/** One face as it was captured. */
export type Capture = {
  /** Increases within a session and never restarts. */
  readonly number: number
  /** Monotonic time at which the image was captured, ms. */
  readonly at: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  /** Camera image size in pixels; 0 when unknown. */
  readonly width: number
  readonly height: number
  /** x, y, z of each point, in fractions of the image. */
  readonly points: Float32Array
}

/** `int16` takes half the bytes of `float32`; its resolution is 1/16384 of the image's side. */
export type FrameFormat = 'json' | 'float32' | 'int16'

const HEADER_BYTES = 24
const VERSION = 1
const INT16_SCALE = 16_384
const MAX_INT16 = 32_766

/** Encodes a binary frame (layout: docs/websocket.md). Falls back to float32 when a point does not fit 16 bits. */
export function encodeBinary(capture: Capture, format: 'float32' | 'int16'): ArrayBuffer {
  const { points, number, timestamp, width, height } = capture
  const isShort = format === 'int16' && points.every((value) => Math.abs(value) * INT16_SCALE <= MAX_INT16)
  const bytes = new DataView(new ArrayBuffer(HEADER_BYTES + points.length * (isShort ? 2 : 4)))
  bytes.setUint8(0, VERSION)
  bytes.setUint8(1, isShort ? 1 : 0)
  bytes.setUint16(2, points.length / 3, true)
  bytes.setUint16(4, width, true)
  bytes.setUint16(6, height, true)
  setUint64(bytes, 8, timestamp)
  setUint64(bytes, 16, number)
  points.forEach((value, index) => {
    if (isShort) bytes.setInt16(HEADER_BYTES + index * 2, Math.round(value * INT16_SCALE), true)
    else bytes.setFloat32(HEADER_BYTES + index * 4, value, true)
  })
  return bytes.buffer
}

/** Encodes a frame as JSON, for servers without binary frames. */
export function encodeJson({ points, number, timestamp, width, height }: Capture): string {
  const data = Array.from({ length: points.length / 3 }, (_, i) => ({
    x: round5(points[i * 3]),
    y: round5(points[i * 3 + 1]),
    z: round5(points[i * 3 + 2]),
  }))
  const size = width > 0 ? { width, height } : {}
  return JSON.stringify({ type: 'landmarks', frame: number, ...size, data, timestamp })
}

function setUint64(bytes: DataView, offset: number, count: number): void {
  bytes.setUint32(offset, count % 2 ** 32, true)
  bytes.setUint32(offset + 4, Math.floor(count / 2 ** 32), true)
}

const round5 = (value = 0): number => Math.round(value * 1e5) / 1e5
