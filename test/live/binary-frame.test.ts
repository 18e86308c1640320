import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { type Capture, encodeBinary } from '../../client/encode.ts'
import { copyPoints } from '../../client/points.ts'
import { EMOTIONS } from '../../src/domain/emotion.ts'
import { keepPoints } from '../../src/domain/face/frame.ts'
import { readExpression } from '../../src/domain/face/local-analyser.ts'
import { measureWindow } from '../../src/domain/face/measures.ts'
import { decodeFrame } from '../../src/live/frames/binary-frame.ts'
import { FRAME_FORMATS } from '../../src/protocol/channels/frame-formats.ts'
import { frameNumberOf } from '../../src/lib/binary-header.ts'
import { faces } from '../helpers/frames.ts'

const [FACE = []] = faces('happy', 1)
const MESH = FACE.slice(0, 468)

const captureOf = (face: typeof FACE, more: Partial<Capture> = {}): Capture => ({
  number: 1_797_000_000_123,
  at: 0,
  timestamp: 1_797_000_000_456,
  width: 640,
  height: 480,
  points: copyPoints(face) ?? new Float32Array(),
  ...more,
})
const bytesOf = (capture: Capture, format: 'float32' | 'int16' = 'float32') =>
  Buffer.from(encodeBinary(capture, format))

/** A good frame with something written into it. */
const spoilt = (spoil: (bytes: Buffer) => void, format: 'float32' | 'int16' = 'float32') => {
  const bytes = bytesOf(captureOf(FACE), format)
  spoil(bytes)
  return decodeFrame(bytes)
}

t.test('a binary frame gives the points that the same frame gives as text', (t) => {
  for (const face of [FACE, MESH]) {
    t.same(decodeFrame(bytesOf(captureOf(face))), {
      points: keepPoints(face),
      width: 640,
      height: 480,
    })
  }
  const unsized = decodeFrame(bytesOf(captureOf(FACE, { width: 0, height: 0, number: 0 })))
  t.match(unsized, { width: null, height: null })
  t.end()
})

t.test('16 bits are exact to half of a 16,384th of the image', (t) => {
  const decoded = decodeFrame(bytesOf(captureOf(FACE), 'int16'))
  const wanted = keepPoints(FACE) ?? []
  if (decoded === 'invalid_frame') return t.fail('it was refused')
  const errors = [...decoded.points].map((value, place) => Math.abs(value - (wanted[place] ?? Number.NaN)))
  t.ok(Math.max(...errors) <= 0.5 / 16_384 + 1e-7, `at most ${Math.max(...errors)}`)
  t.equal(bytesOf(captureOf(FACE), 'int16').length, 24 + 478 * 6)
  t.end()
})

t.test('what is read in a face does not hang on the form in which it came', (t) => {
  for (const label of ['happy', 'surprised', 'sad']) {
    const readings = (['float32', 'int16'] as const).map((format) => {
      const frames = faces(label, 40).map((face, i) => {
        const decoded = decodeFrame(bytesOf(captureOf(face), format))
        if (decoded === 'invalid_frame') throw new Error('a recorded frame was refused')
        return { ...decoded, at: i * 250 }
      })
      const measures = measureWindow(frames)
      if (measures === undefined) throw new Error('a recorded window could not be measured')
      return readExpression(measures)
    })
    const [long, short] = readings
    t.equal(short?.emotion, long?.emotion, label)
    const apart = EMOTIONS.map((name) => Math.abs((long?.scores[name] ?? 0) - (short?.scores[name] ?? 1)))
    t.ok(Math.max(...apart) < 0.01, `${label}: scores ${Math.max(...apart)} apart`)
  }
  t.end()
})

t.test('a face too far outside the image for 16 bits is sent in 32', (t) => {
  const far = FACE.map((point, i) => (i === 10 ? { ...point, x: 2.5 } : point))
  t.same(decodeFrame(bytesOf(captureOf(far), 'int16')), decodeFrame(bytesOf(captureOf(far), 'float32')))
  t.end()
})

t.test('what is not exactly a frame of this version is refused', (t) => {
  const good = bytesOf(captureOf(FACE))
  const cases: Record<string, ReturnType<typeof decodeFrame>> = {
    empty: decodeFrame(Buffer.alloc(0)),
    'a header cut short': decodeFrame(good.subarray(0, 23)),
    'a header alone': decodeFrame(good.subarray(0, 24)),
    'one byte less': decodeFrame(good.subarray(0, -1)),
    'one byte more': decodeFrame(Buffer.concat([good, Buffer.alloc(1)])),
    'another version': spoilt((bytes) => bytes.writeUInt8(2, 0)),
    'an unknown flag': spoilt((bytes) => bytes.writeUInt8(2, 1)),
    'the other format': spoilt((bytes) => bytes.writeUInt8(1, 1)),
    'another count of points': spoilt((bytes) => bytes.writeUInt16LE(477, 2)),
    'the count of the other mesh': spoilt((bytes) => bytes.writeUInt16LE(468, 2)),
    'a width alone': spoilt((bytes) => bytes.writeUInt16LE(0, 6)),
    'a side of 16,385 pixels': spoilt((bytes) => bytes.writeUInt16LE(16_385, 4)),
    'a time beyond 2^53': spoilt((bytes) => bytes.writeUInt32LE(0x200000, 12)),
    'a number beyond 2^53': spoilt((bytes) => bytes.writeUInt32LE(0x200000, 20)),
    'no number, in a point that is kept': spoilt((bytes) => bytes.writeFloatLE(Number.NaN, 24 + 33 * 12)),
    'no number, in a point that is not kept': spoilt((bytes) => bytes.writeFloatLE(Number.NaN, 24 + 3 * 12)),
    infinity: spoilt((bytes) => bytes.writeFloatLE(Number.NEGATIVE_INFINITY, 24)),
    'a coordinate far away': spoilt((bytes) => bytes.writeFloatLE(16.5, 24)),
    'saturated above': spoilt((bytes) => bytes.writeInt16LE(32_767, 24), 'int16'),
    'saturated below': spoilt((bytes) => bytes.writeInt16LE(-32_768, 24), 'int16'),
    'a JSON frame': decodeFrame(Buffer.from(JSON.stringify({ type: 'landmarks', data: FACE }))),
  }
  for (const [what, answer] of Object.entries(cases)) t.equal(answer, 'invalid_frame', what)
  t.type(decodeFrame(good), 'object', 'and the frame itself is taken')
  t.end()
})

t.test('no bytes make it throw, and what it takes is whole', (t) => {
  const good = { float32: bytesOf(captureOf(FACE)), int16: bytesOf(captureOf(MESH), 'int16') }
  const isWhole = (bytes: Buffer) => {
    frameNumberOf(bytes)
    const decoded = decodeFrame(bytes)
    if (decoded === 'invalid_frame') return true
    const kept = [...decoded.points]
    const isFinite = kept.every((value) => Math.abs(value) <= 16 || Number.isNaN(value))
    // Only the irises of a mesh without them may be missing.
    const missing = kept.filter(Number.isNaN).length
    return isFinite && missing === (bytes.readUInt16LE(2) === 468 ? 24 : 0)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 7000 }), (noise) => isWhole(Buffer.from(noise))),
    { numRuns: 500 },
  )
  const edit = fc.tuple(fc.nat(5800), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(
      fc.constantFrom<'float32' | 'int16'>('float32', 'int16'),
      fc.array(edit, { maxLength: 6 }),
      fc.boolean(),
      (format, edits, inHeader) => {
        const bytes = Buffer.from(good[format])
        for (const [place, value] of edits) bytes[(inHeader ? place % 24 : place) % bytes.length] = value
        return isWhole(bytes)
      },
    ),
    { numRuns: 3000 },
  )
  t.end()
})

t.test("a frame's number is read without its points", (t) => {
  t.equal(frameNumberOf(bytesOf(captureOf(FACE)).subarray(0, 24)), 1_797_000_000_123)
  t.equal(frameNumberOf(bytesOf(captureOf(FACE, { number: Number.MAX_SAFE_INTEGER }))), 2 ** 53 - 1)
  t.equal(frameNumberOf(bytesOf(captureOf(FACE, { number: 0 }))), undefined)
  t.equal(frameNumberOf(Buffer.alloc(23, 1)), undefined)
  t.equal(frameNumberOf(Buffer.from('{"type":"landmarks","frame":7}')), undefined)
  t.end()
})

t.test('the bytes that the document shows are a frame, and its formats are those announced', (t) => {
  const text = readFileSync(new URL('../../docs/websocket.md', import.meta.url), 'utf8')
  const section = text.slice(text.indexOf('## Binary frames'))
  const hex = /```\n((?:[0-9a-f]{2}[ \n]+)+)/.exec(section)?.[1] ?? ''
  const header = Buffer.from(hex.replace(/\s/g, ''), 'hex')
  t.equal(header.length, 24)
  const points = Buffer.alloc(478 * 6)
  t.match(decodeFrame(Buffer.concat([header, points])), { width: 640, height: 480 })
  t.equal(frameNumberOf(header), 45)
  t.equal(header.readBigUInt64LE(8), 1_795_415_342_140n)
  t.same(JSON.parse(/\{"type":"rate".*\}/.exec(section)?.[0] ?? '{}').data.formats, [...FRAME_FORMATS])
  t.end()
})
