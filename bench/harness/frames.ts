import { randomBytes } from 'node:crypto'
import { encodeBinary } from '../../client/encode.ts'
import { faceAt, readRecording } from '../../demo/recording.ts'

/**
 * Landmarks messages as the web client sends them: 478 points with the digits of float32 numbers, about 35 KB each.
 * `count` of them, spread over the whole recording, so that consecutive ones differ.
 */
export function landmarksMessages(count: number): Buffer[] {
  return recordedFaces(count).map((face) => {
    const data = face.map(({ x, y, z }) => ({ x: Math.fround(x), y: Math.fround(y), z: Math.fround(z) }))
    return Buffer.from(JSON.stringify({ type: 'landmarks', data, timestamp: Date.now() }))
  })
}

/** The same faces as binary frames of `maeum.v2`, 5.7 KB each, with the number 0. */
export function binaryMessages(count: number): Buffer[] {
  return recordedFaces(count).map((face) => {
    const points = Float32Array.from(face.flatMap(({ x, y, z }) => [x, y, z]))
    const capture = { number: 0, at: 0, timestamp: Date.now(), width: 0, height: 0, points }
    return Buffer.from(encodeBinary(capture, 'float32'))
  })
}

function recordedFaces(count: number) {
  const segments = readRecording()
  return Array.from({ length: count }, (_, i) => {
    const place = (i / count) * segments.length
    const segment = segments[Math.floor(place)]
    if (segment === undefined) throw new Error('the recording is empty')
    return faceAt(segment, place - Math.floor(place))
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

const BINARY_IN_ONE_PIECE = 0x82
const NUMBER_AT = 16

/** A binary frame with this frame number as a WebSocket message. The mask is zero, so that no byte has to be masked. */
export function toNumberedWire(message: Buffer, number: number): Buffer {
  const wire = Buffer.alloc(8 + message.length)
  wire[0] = BINARY_IN_ONE_PIECE
  wire[1] = MASKED | LENGTH_IN_TWO_BYTES
  wire.writeUInt16BE(message.length, 2)
  message.copy(wire, 8)
  wire.writeUInt32LE(number, 8 + NUMBER_AT)
  return wire
}
