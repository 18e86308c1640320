import fc from 'fast-check'
import t from 'tap'
import { scanFrame } from '../../src/live/frames/frame-scanner.ts'
import {
  type FrameFault,
  type FramePoints,
  parseFrame,
  FRAME_FLOATS,
  readFrame,
} from '../../src/live/frames/landmarks-frame.ts'
import { faces, frameOf } from '../helpers/frames.ts'

/** What a reader of frames stands beside `JSON.parse` for may never differ from it: compared on thousands of messages. */

const SEED = 20_261_123
const RUNS = 20_000

function reference(bytes: Buffer): FramePoints | FrameFault {
  try {
    return readFrame(JSON.parse(bytes.toString('utf8')))
  } catch {
    return 'invalid_message' // JSON.parse is all that can throw here
  }
}

const asFloat = new Float32Array(1)
const asInt = new Int32Array(asFloat.buffer)
/** The place of a float32 among all of them, so that neighbours differ by one. */
function rankOf(value: number): number {
  asFloat[0] = value
  const rank = asInt[0] ?? 0
  return rank < 0 ? -(rank & 0x7fff_ffff) : rank
}

const isNear = (a: number, b: number) =>
  a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(rankOf(a) - rankOf(b)) <= 1

/** What is different, or undefined. */
function difference(bytes: Buffer): string | undefined {
  const [read, wanted] = [parseFrame(bytes), reference(bytes)]
  if (typeof read === 'string' || typeof wanted === 'string')
    return read === wanted ? undefined : `${describe(read)} instead of ${describe(wanted)}`
  if (read.width !== wanted.width || read.height !== wanted.height) return 'another size'
  const place = wanted.points.findIndex((value, i) => !isNear(value, read.points[i] ?? 0))
  return place < 0 ? undefined : `${read.points[place]} instead of ${wanted.points[place]} at ${place}`
}

const describe = (answer: FramePoints | FrameFault) => (typeof answer === 'string' ? answer : 'points')

let scanned = 0
const room = new Float32Array(FRAME_FLOATS)
function isRead(text: string | Buffer): boolean {
  const bytes = Buffer.from(text)
  if (scanFrame(bytes, room) !== undefined) scanned++
  const found = difference(bytes)
  if (found !== undefined) throw new Error(found)
  return true
}

const digits = (maxLength: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength }).map((list) => list.join(''))
const sign = fc.constantFrom('', '', '', '-', '+', '--')
const exponent = fc
  .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-', '-'), fc.oneof(digits(1), digits(3)))
  .map((parts) => parts.join(''))
/** Every way to write a number, and many that only look like one. */
const written = fc
  .tuple(
    sign,
    fc.oneof(fc.constantFrom('0', '1', '15', '16', '00', '01', ''), digits(3), digits(320)),
    fc.option(fc.oneof(digits(20), digits(340), fc.constant('')), { nil: undefined }),
    fc.option(exponent, { nil: '', freq: 3 }),
  )
  .map(([minus, whole, part, power]) => `${minus}${whole}${part === undefined ? '' : `.${part}`}${power}`)
const odd = fc.constantFrom(
  ...[
    '-0',
    '0.0',
    '-0.0',
    '1e400',
    '-1e400',
    '0e400',
    '1e-400',
    '0e-400',
    '1e',
    '1e+',
    '1.e3',
    '.5',
    '1.',
    '-',
  ],
  ...[
    'NaN',
    'Infinity',
    'null',
    'true',
    '"1"',
    '[1]',
    '{}',
    '',
    ' 1',
    '1 ',
    '0x1',
    '1_0',
    '١',
    '1e99999999999999999999',
  ],
  ...[
    '16',
    '-16',
    '16.0',
    '16.000000000000001',
    '16.000000000000002',
    '16.0000000000000017763568394002504646778',
  ],
  ...[
    '15.99999999999999911182158029987',
    '16.00000000000000088817841970012523',
    '160e-1',
    '0.16e2',
    '1600000e-5',
  ],
  ...[
    '5e-324',
    '1.401298464324817e-45',
    '7.006492321624085e-46',
    '1.1754943508222875e-38',
    '0.30000001192092896',
  ],
)
const near16 = fc
  .tuple(fc.constantFrom('15.99999999999999', '16.00000000000000', '16.0000000000000'), digits(30))
  .map((parts) => parts.join(''))
const usual = fc.double({ min: -2, max: 2, noNaN: true }).map((value) => JSON.stringify(value))
const number = fc.oneof(
  { weight: 4, arbitrary: usual },
  { weight: 2, arbitrary: fc.double({ noNaN: true }).map(String) },
  { weight: 4, arbitrary: written },
  { weight: 2, arbitrary: odd },
  { weight: 1, arbitrary: near16 },
)

const point = (x: string, y: string, z: string) => `{"x":${x},"y":${y},"z":${z}}`
const PLAIN = Array.from({ length: 480 }, (_, i) => point(`0.${i}`, '0.5', '-0'))

/** A point as browsers write it, or in some other way. */
const anyPoint = fc.tuple(usual, number, usual, fc.nat(60)).map(([x, y, z, way]) => {
  switch (way) {
    case 0:
      return `{"y":${y},"x":${x},"z":${z}}`
    case 1:
      return `{"x":${x},"y":${y},"z":${z},"visibility":0.9}`
    case 2:
      return `{"x":${x},"x":${y},"y":${y},"z":${z}}`
    case 3:
      return `{"x":${x},"y":${y}}`
    case 4:
      return `{ "x" : ${x}, "y":${y},"z":${z} }`
    case 5:
      return `{"x":${x},"y":${y},"z":${z}`
    case 6:
      return `[${x},${y},${z}]`
    case 7:
      return `{"\\u0078":${x},"y":${y},"z":${z}}`
    default:
      return point(x, y, z)
  }
})

const rest = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('}', ',"timestamp":1797000000000}', ',"frame":7,"timestamp":1}') },
  { weight: 2, arbitrary: fc.tuple(number, number).map(([w, h]) => `,"width":${w},"height":${h}}`) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(20_000), fc.nat(20_000)).map(([w, h]) => `,"width":${w},"height":${h}}`),
  },
  { weight: 1, arbitrary: fc.json().map((json) => `,"more":${json}}`) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...[
        '',
        '}}',
        '},',
        '}\n',
        '} \t\r\n',
        '}x',
        '}\0',
        ',}',
        ',"a"}',
        ' }',
        ' ,"a":1}',
        ',"a":1,}',
        ',"a":"\\u12"}',
      ],
      ...[
        ',"data":[]}',
        ',"data":null}',
        ',"type":"other"}',
        ',"d\\u0061ta":[]}',
        ',"__proto__":{"data":[]}}',
        ',"type":1}',
      ],
      ...[
        ',"data":[{"x":0,"y":0,"z":0}]}',
        ',"width":640,"height":480,"width":0}',
        ',"width":640,"height":"480"}',
        ']}',
      ],
      ...[
        ',{"a":1}}',
        ',"a":1}{"b":2}',
        '"a":1}',
        ',,"a":1}',
        ',"a":01}',
        ',"\ud800":1}',
        '\ufeff}',
        '/**/}',
        ',"a":1}//',
      ],
    ),
  },
)
const opening = fc.oneof(
  { weight: 30, arbitrary: fc.constant('{"type":"landmarks","data":[') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...[
        '{"data":[',
        '{"type":"landmarks","frame":5,"data":[',
        '{"type":"other","data":[',
        ' {"type":"landmarks","data":[',
      ],
      ...[
        '{"type":"landmarks", "data":[',
        '\ufeff{"type":"landmarks","data":[',
        '[{"type":"landmarks","data":[',
        '{"type":"landmarks","data":[[',
        '{"type":"landmarks","data":[,',
      ],
    ),
  },
)
const count = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(468, 478) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 467, 469, 477, 479, 480) },
)
const separator = fc.oneof(
  { weight: 60, arbitrary: fc.constant(',') },
  fc.constantFrom(', ', ',,', '', ';', ',\n'),
)

/** A message in parts, so that a counterexample shows what is special about it. */
const message = fc.record({
  begin: opening,
  count,
  places: fc.array(fc.tuple(fc.nat(477), anyPoint), { maxLength: 3 }),
  gap: fc.nat(477),
  between: separator,
  end: rest,
})
type Message = typeof message extends fc.Arbitrary<infer Parts> ? Parts : never

function textOf({ begin, count, places, gap, between, end }: Message): string {
  const points = PLAIN.slice(0, count)
  for (const [place, text] of places) if (place < count) points[place] = text
  const [first, second] = [points.slice(0, gap).join(','), points.slice(gap).join(',')]
  const list = first === '' || second === '' ? first + second : first + between + second
  return `${begin}${list}]${end}`
}

t.test('it reads what JSON.parse reads, and nothing else, however the message is written', (t) => {
  scanned = 0
  fc.assert(
    fc.property(message, (parts) => isRead(textOf(parts))),
    { numRuns: RUNS, seed: SEED },
  )
  t.ok(scanned > RUNS / 5, `${scanned} of ${RUNS} went through the scanner`)
  t.end()
})

t.test('a message that was damaged on its way', (t) => {
  const begin = '{"type":"landmarks","data":['
  const end = ',"width":640,"height":480}'
  const good = Buffer.from(textOf({ begin, count: 468, places: [], gap: 0, between: ',', end }))
  const damage = fc.record({
    cut: fc.option(fc.nat(good.length), { nil: undefined, freq: 3 }),
    edits: fc.array(
      fc.tuple(
        fc.nat(good.length - 1),
        fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[],:"0.-eE '))),
      ),
      {
        maxLength: 3,
      },
    ),
    moved: fc.option(fc.tuple(fc.nat(good.length), fc.nat(40), fc.nat(good.length)), {
      nil: undefined,
      freq: 3,
    }),
  })
  fc.assert(
    fc.property(damage, ({ cut, edits, moved }) => {
      let bytes = Buffer.from(good)
      for (const [place, value] of edits) bytes[place] = value
      if (moved !== undefined) {
        const [from, length, to] = moved
        bytes = Buffer.concat([
          bytes.subarray(0, to),
          bytes.subarray(from, from + length),
          bytes.subarray(to),
        ])
      }
      return isRead(bytes.subarray(0, cut))
    }),
    { numRuns: 4000, seed: SEED },
  )
  t.end()
})

t.test('frames as browsers write them all go through the scanner', (t) => {
  scanned = 0
  const shown = ['happy', 'sad', 'surprised', 'neutral'].flatMap((label) => faces(label, 25))
  for (const face of shown) {
    isRead(frameOf(face, { width: 640, height: 480, frame: 12 }))
    isRead(
      frameOf(
        face
          .slice(0, 468)
          .map(({ x, y, z }) => ({ x: Math.fround(x), y: Math.fround(y), z: Math.fround(z) })),
      ),
    )
  }
  t.equal(scanned, 2 * shown.length)
  t.end()
})
