import { MAX_COORDINATE } from '../../domain/face/frame.ts'
import { MESH_POINTS, REFINED_POINTS, SLOTS } from '../../domain/face/points.ts'

const OPENING = Buffer.from('{"type":"landmarks","data":[')
const KEYS = ['{"x":', ',"y":', ',"z":'].map((text) => Buffer.from(text))
const [DOT, MINUS, PLUS, COMMA, ZERO, BIG_E, SMALL_E, END_OF_POINT, END_OF_LIST] = Buffer.from('.-+,0Ee}]')
const POWERS_OF_TEN = Float64Array.from({ length: 300 }, (_, power) => Number(`1e${power}`))

/** So near to the bound the last digit decides, which is not ours. */
const SURELY_A_COORDINATE = MAX_COORDINATE - 1e-6

/** The number that was scanned last: a return value that is not an object. */
const scanned = new Float64Array(1)

/**
 * Reads a landmarks message straight from its bytes when it is written as browsers write it, without a blank and in the
 * order type, data, rest: `{"type":"landmarks","data":[{"x":0.1,"y":0.2,"z":-0.03},...],...}`. It makes no string and
 * no object of the points, which is most of what reading a frame costs. Undefined for everything else, be it valid or
 * not: then `JSON.parse` has the word. What it reads it reads as `JSON.parse` does, but for the last digit of a double.
 * The points in use go into `points` as `keepPoints` lays them out; the message's other fields are returned.
 */
export function scanFrame(
  bytes: Buffer,
  points: Float32Array,
): Readonly<Record<string, unknown>> | undefined {
  if (!startsWith(bytes, OPENING, 0)) return undefined
  points.fill(Number.NaN)
  let at = OPENING.length
  let count = 0
  do {
    at = count < REFINED_POINTS ? scanPoint(bytes, at, points, (SLOTS[count] ?? -1) * 3) : -1
    if (at < 0) return undefined
    count++
  } while (bytes[at++] === COMMA)
  if (bytes[at - 1] !== END_OF_LIST || (count !== MESH_POINTS && count !== REFINED_POINTS)) return undefined
  return parseRest(bytes, at)
}

/** Where the point that begins at `at` ends, or -1. It is stored at `place`, if that is not negative. */
function scanPoint(bytes: Buffer, at: number, points: Float32Array, place: number): number {
  for (let axis = 0; axis < 3; axis++) {
    const key = KEYS[axis]
    if (key === undefined || !startsWith(bytes, key, at)) return -1
    at = scanNumber(bytes, at + key.length)
    const value = scanned[0] ?? 0
    if (at < 0 || !(Math.abs(value) < SURELY_A_COORDINATE)) return -1
    if (place >= 0) points[place + axis] = value
  }
  return bytes[at] === END_OF_POINT ? at + 1 : -1
}

/** Where the number that begins at `at` ends, or -1 when it is none by RFC 8259; its value is then in `scanned`. */
function scanNumber(bytes: Buffer, at: number): number {
  const isNegative = bytes[at] === MINUS
  if (isNegative) at++
  const begin = at
  let digits = 0
  let byte = bytes[at] ?? 0
  for (; isDigit(byte); byte = bytes[++at] ?? 0) digits = digits * 10 + byte - 48
  if (at === begin || (bytes[begin] === ZERO && at > begin + 1)) return -1
  let scale = 0
  if (byte === DOT) {
    const point = at
    for (byte = bytes[++at] ?? 0; isDigit(byte); byte = bytes[++at] ?? 0) digits = digits * 10 + byte - 48
    scale = at - point - 1
    if (scale === 0) return -1
  }
  if (byte === SMALL_E || byte === BIG_E) {
    byte = bytes[++at] ?? 0
    const isSmall = byte === MINUS
    if (isSmall || byte === PLUS) byte = bytes[++at] ?? 0
    const first = at
    let exponent = 0
    for (; isDigit(byte); byte = bytes[++at] ?? 0) exponent = exponent * 10 + byte - 48
    if (at === first) return -1
    scale += isSmall ? exponent : -exponent
  }
  const power = POWERS_OF_TEN[Math.abs(scale)]
  if (power === undefined) return -1
  const value = scale >= 0 ? digits / power : digits * power
  scanned[0] = isNegative ? -value : value
  return at
}

const isDigit = (byte: number) => byte >= 48 && byte <= 57

function startsWith(bytes: Buffer, text: Buffer, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}

/** The fields after the points; undefined when they are no JSON or name once more what has been read already. */
function parseRest(bytes: Buffer, at: number): Readonly<Record<string, unknown>> | undefined {
  const text = bytes.toString('utf8', at)
  try {
    // A field before the first, so that what follows has to go on like one.
    const rest = JSON.parse(`{"":0${text}`) as Record<string, unknown> // it begins with {
    return 'type' in rest || 'data' in rest ? undefined : rest
  } catch {
    return undefined // JSON.parse of the whole message will say so too
  }
}
