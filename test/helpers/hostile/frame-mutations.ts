import { type Capture, encodeBinary, encodeJson } from '../../../client/encode.ts'
import { copyPoints } from '../../../client/points.ts'
import { faces, frameOf } from '../frames.ts'
import type { Random } from './random.ts'

/** Honest frames made hostile: a few wounds each, placed where they hurt. */

const MESH_POINTS = 468
const MOST_WOUNDS = 3

const captures = ['happy', 'surprised'].flatMap((label) =>
  faces(label, 2).map((face): Capture & { face: typeof face } => ({
    face,
    number: 1_797_000_000_123,
    at: 0,
    timestamp: 1_797_000_000_456,
    width: 640,
    height: 480,
    points: copyPoints(face) ?? new Float32Array(),
  })),
)
const meshOf = (capture: Capture): Capture => ({
  ...capture,
  points: capture.points.subarray(0, MESH_POINTS * 3),
})

/** Frames as browsers and as the published client write them, long and short. */
export const TEXT_FRAMES: readonly Buffer[] = captures
  .flatMap((capture) => [
    frameOf(capture.face, { width: 640, height: 480 }),
    encodeJson(meshOf({ ...capture, points: capture.points.map((value) => Math.round(value * 100) / 100) })),
  ])
  .map((text) => Buffer.from(text))

export const BINARY_FRAMES: readonly Buffer[] = captures.flatMap((capture) =>
  (['float32', 'int16'] as const).flatMap((format) =>
    [capture, meshOf(capture)].map((one) => Buffer.from(encodeBinary(one, format))),
  ),
)

type Wound = (bytes: Buffer, random: Random) => Buffer

const spliced = (bytes: Buffer, at: number, gone: number, put: Buffer | string): Buffer =>
  Buffer.concat([bytes.subarray(0, at), Buffer.from(put), bytes.subarray(at + gone)])

const flipBit: Wound = (bytes, random) => {
  const at = random.below(bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  return bytes
}
const cut: Wound = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1))
const lengthen: Wound = (bytes, random) => Buffer.concat([bytes, random.bytes(1 + random.below(40))])
const scribble: Wound = (bytes, random) => {
  bytes.set(random.bytes(1 + random.below(12)).subarray(0, bytes.length), 0)
  return bytes
}
const scribbleSomewhere: Wound = (bytes, random) => {
  const at = random.below(bytes.length)
  return spliced(bytes, at, 1 + random.below(12), random.bytes(random.below(12)))
}
const repeatPart: Wound = (bytes, random) => {
  const from = random.below(bytes.length)
  const part = bytes.subarray(from, from + random.below(120))
  return spliced(bytes, random.below(bytes.length), random.below(2) * part.length, part)
}

const STRUCTURE = ['{', '}', '[', ']', ',', ':', '"', ' ', '\n', '\0', '\\', '\u2028', '\ufeff', '/**/']
const insertStructure: Wound = (bytes, random) =>
  spliced(bytes, random.below(bytes.length + 1), random.below(2), random.pick(STRUCTURE))

const NUMBERS = [
  ...['0', '-0', '-0.0', '16', '-16', '16.000000000000001', '15.999999999999999', '16.01', '1e1', '1E+1'],
  ...[
    '1e400',
    '-1e308',
    '5e-324',
    '1e-999',
    '0.16e2',
    '1600000e-5',
    '00',
    '01',
    '.5',
    '1.',
    '1e',
    '+1',
    '--1',
  ],
  ...['NaN', 'Infinity', 'null', 'true', '"0.5"', '[0.5]', '{}', '0x1', '1_0', '', '9'.repeat(400), '١'],
  `0.${'3'.repeat(400)}`,
]
/** Where the next value after `at` begins, and how long it is. */
function valueFrom(bytes: Buffer, at: number): readonly [begin: number, length: number] {
  const begin = bytes.indexOf(':', at) + 1
  let end = begin
  while (end < bytes.length && !'},]'.includes(String.fromCharCode(bytes[end] ?? 0))) end++
  return [begin, end - begin]
}
const anotherNumber: Wound = (bytes, random) => {
  const [begin, length] = valueFrom(bytes, random.below(bytes.length))
  return spliced(bytes, begin, length, random.pick(NUMBERS))
}

const POINTS = [
  ...['', 'null', '[0,0,0]', '{}', '{"x":0,"y":0}', '{"y":0.5,"x":0.5,"z":0}', '{"x":0,"y":0,"z":0,"v":1}'],
  ...['{"x":0,"x":99,"y":0,"z":0}', '{"x":99,"x":0,"y":0,"z":0}', '{"\\u0078":0,"y":0,"z":0}'],
  ...['{"__proto__":{"x":0,"y":0,"z":0}}', ' {"x":0,"y":0,"z":0}', '{"x":0,"y":0,"z":0},{"x":0,"y":0,"z":0}'],
]
const anotherPoint: Wound = (bytes, random) => {
  const at = bytes.indexOf('{"x"', random.below(bytes.length))
  const end = bytes.indexOf('}', at)
  return at < 0 || end < 0 ? bytes : spliced(bytes, at, end + 1 - at, random.pick(POINTS))
}

const ENDINGS = [
  ...[
    '',
    '}}',
    '},',
    ',}',
    '}x',
    '}\0',
    ' }',
    '}\n',
    ',"a":1}',
    ',"data":[]}',
    ',"data":null}',
    ',"type":"ping"}',
  ],
  ...[',"d\\u0061ta":[]}', ',"typ\\u0065":1}', ',"__proto__":{"data":[]}}', ',"width":0,"height":480}'],
  ...[',"width":640,"height":480}', ',"width":1e9,"height":1}', ',"width":"640","height":480}', ']}', '}]'],
  `,"more":${'['.repeat(2000)}${']'.repeat(2000)}}`,
]
const anotherEnding: Wound = (bytes, random) => {
  const end = bytes.lastIndexOf(']')
  return end < 0 ? bytes : spliced(bytes, end + 1, bytes.length, random.pick(ENDINGS))
}

const BEGINNINGS = [
  ...[
    '{"type":"landmarks", "data":[',
    '{"data":[',
    '{"type":"ping","data":[',
    '{"type":"landmarks","type":1,"data":[',
  ],
  ...['\ufeff{"type":"landmarks","data":[', '[{"type":"landmarks","data":[', '{"type":"landmarks","data":[['],
  ...[
    '{"type":"landmarks","data":{"0":',
    '{"type":"landmarks","frame":3,"data":[',
    ' {"type":"landmarks","data":[',
  ],
]
const anotherBeginning: Wound = (bytes, random) => {
  const begin = bytes.indexOf('[')
  return begin < 0 ? bytes : spliced(bytes, 0, begin + 1, random.pick(BEGINNINGS))
}

const HEADER_FIELDS = [
  [0, 1],
  [1, 1],
  [2, 2],
  [4, 2],
  [6, 2],
  [8, 6],
  [14, 2],
  [16, 6],
  [22, 2],
] as const
const FIELD_VALUES = [0, 1, 2, 31, 32, 255, 256, 467, 468, 478, 479, 16_384, 16_385, 65_535]
const anotherHeader: Wound = (bytes, random) => {
  const [at, size] = random.pick(HEADER_FIELDS)
  if (bytes.length >= at + size) bytes.writeUIntLE(random.pick(FIELD_VALUES) % 2 ** (8 * size), at, size)
  return bytes
}

const FLOATS = [Number.NaN, Infinity, -Infinity, 16, -16, 16.000002, -17, 1e38, 1e-45, -0, 0.5]
const SHORTS = [32_767, -32_768, -32_767, 32_766, -32_766, 0, -1]
const anotherCoordinate: Wound = (bytes, random) => {
  const isShort = bytes[1] === 1
  const size = isShort ? 2 : 4
  const places = Math.floor((bytes.length - 24) / size)
  if (places <= 0) return bytes
  const at = 24 + random.below(places) * size
  if (isShort) bytes.writeInt16LE(random.pick(SHORTS), at)
  else bytes.writeFloatLE(random.pick(FLOATS), at)
  return bytes
}
/** The other count or the other format, with a length that fits it. */
const anotherShape: Wound = (bytes, random) => {
  if (bytes.length < 24) return bytes
  const [count, flags] = [random.pick([467, 468, 478, 479]), random.below(2)]
  const other = Buffer.alloc(24 + count * 3 * (flags === 1 ? 2 : 4))
  bytes.copy(other)
  other.writeUInt8(flags, 1)
  other.writeUInt16LE(count, 2)
  return other
}
/** Leaves it whole: what is honest must still be taken in the middle of an attack. */
const spare: Wound = (bytes) => bytes

const TEXT_WOUNDS: readonly Wound[] = [
  ...[flipBit, cut, lengthen, scribble, scribbleSomewhere, repeatPart, spare],
  ...[insertStructure, anotherNumber, anotherNumber, anotherPoint, anotherEnding, anotherBeginning],
]
const BINARY_WOUNDS: readonly Wound[] = [
  ...[flipBit, flipBit, cut, lengthen, scribble, scribbleSomewhere, repeatPart, spare],
  ...[anotherHeader, anotherHeader, anotherCoordinate, anotherCoordinate, anotherShape],
]

const wounded = (frames: readonly Buffer[], wounds: readonly Wound[], random: Random): Buffer => {
  let bytes: Buffer = Buffer.from(random.pick(frames))
  for (let left = 1 + random.below(MOST_WOUNDS); left > 0 && bytes.length > 0; left--)
    bytes = random.pick(wounds)(bytes, random)
  return bytes
}

/** A text frame with up to three wounds; now and then it is still one. */
export const mutatedText = (random: Random): Buffer => wounded(TEXT_FRAMES, TEXT_WOUNDS, random)

/** The same of a binary frame. */
export const mutatedBinary = (random: Random): Buffer => wounded(BINARY_FRAMES, BINARY_WOUNDS, random)
