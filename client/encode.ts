/** One face as it was captured. */
export type Capture = {
  /** Rises within a session and never starts again. */
  readonly number: number
  /** When its picture was taken, by the clock that never jumps, ms. */
  readonly at: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  /** Of the camera's image in pixels; 0 when unknown. */
  readonly width: number
  readonly height: number
  /** x, y, z of each point, in fractions of the image. */
  readonly points: Float32Array
}

/** `int16` is half of `float32`, and exact to a sixteen thousandth of the image's side. */
export type FrameFormat = 'json' | 'float32' | 'int16'

const HEADER_BYTES = 24
const VERSION = 1
const PARTS = 16_384
const LARGEST_INT16 = 32_766

/** A binary frame, byte by byte in docs/websocket.md. A face too far outside the image for 16 bits goes as float32. */
export function encodeBinary(capture: Capture, format: 'float32' | 'int16'): ArrayBuffer {
  const { points, number, timestamp, width, height } = capture
  const isShort = format === 'int16' && points.every((value) => Math.abs(value) * PARTS <= LARGEST_INT16)
  const bytes = new DataView(new ArrayBuffer(HEADER_BYTES + points.length * (isShort ? 2 : 4)))
  bytes.setUint8(0, VERSION)
  bytes.setUint8(1, isShort ? 1 : 0)
  bytes.setUint16(2, points.length / 3, true)
  bytes.setUint16(4, width, true)
  bytes.setUint16(6, height, true)
  setCount(bytes, 8, timestamp)
  setCount(bytes, 16, number)
  points.forEach((value, place) => {
    if (isShort) bytes.setInt16(HEADER_BYTES + place * 2, Math.round(value * PARTS), true)
    else bytes.setFloat32(HEADER_BYTES + place * 4, value, true)
  })
  return bytes.buffer
}

/** The same as text, for servers that read nothing else. */
export function encodeJson({ points, number, timestamp, width, height }: Capture): string {
  const data = Array.from({ length: points.length / 3 }, (_, i) => ({
    x: rounded(points[i * 3]),
    y: rounded(points[i * 3 + 1]),
    z: rounded(points[i * 3 + 2]),
  }))
  const size = width > 0 ? { width, height } : {}
  return JSON.stringify({ type: 'landmarks', frame: number, ...size, data, timestamp })
}

function setCount(bytes: DataView, offset: number, count: number): void {
  bytes.setUint32(offset, count % 2 ** 32, true)
  bytes.setUint32(offset + 4, Math.floor(count / 2 ** 32), true)
}

const rounded = (value = 0): number => Math.round(value * 1e5) / 1e5
