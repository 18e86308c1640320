import { randomBytes } from 'node:crypto'
import { faceAt, readRecording } from '../../demo/recording.ts'

/**
 * Landmarks messages as the web client sends them: 478 points with the digits of float32 numbers, about 35 KB each.
 * `count` of them, spread over the whole recording, so that consecutive ones differ.
 */
export function landmarksMessages(count: number): Buffer[] {
  const segments = readRecording()
  return Array.from({ length: count }, (_, i) => {
    const place = (i / count) * segments.length
    const segment = segments[Math.floor(place)]
    if (segment === undefined) throw new Error('the recording is empty')
    const data = faceAt(segment, place - Math.floor(place)).map(({ x, y, z }) => ({
      x: Math.fround(x),
      y: Math.fround(y),
      z: Math.fround(z),
    }))
    return Buffer.from(JSON.stringify({ type: 'landmarks', data, timestamp: Date.now() }))
  })
}

const TEXT_IN_ONE_PIECE = 0x81
const MASKED = 0x80
const LENGTH_IN_TWO_BYTES = 126

/** A masked text message of 126 to 65535 bytes (RFC 6455, section 5.2). */
export function toWire(message: Buffer): Buffer {
  const mask = randomBytes(4)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  const masked = message.map((byte, i) => byte ^ (mask[i % 4] ?? 0))
  return Buffer.concat([Buffer.from([TEXT_IN_ONE_PIECE, MASKED | LENGTH_IN_TWO_BYTES]), length, mask, masked])
}
