import { type AspectSource, MEASURES, type MeasureValues, type WindowMeasures } from './measures.ts'

/*
 * Little-endian: version (1 byte), aspect source (1), frames analysed (2), frames left out (2), then float32 numbers:
 * aspect, mouth motion, blinks a minute, yaw, pitch, roll, and for each of median, peak, spread and trend all
 * measures in their order. Another list of measures, or another order, is another version.
 */
const VERSION = 1
const ASPECT_SOURCES: readonly AspectSource[] = ['sent', 'inferred', 'assumed']
const NUMBERS_AT = 6
const SINGLE_NUMBERS = 6
const LENGTH = NUMBERS_AT + 4 * (SINGLE_NUMBERS + 4 * MEASURES.length)

/** The measures of one window as bytes to store, numbers to float32 precision. */
export function encodeMeasures(m: WindowMeasures): Uint8Array {
  const bytes = new Uint8Array(LENGTH)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, VERSION)
  view.setUint8(1, ASPECT_SOURCES.indexOf(m.aspectSource))
  view.setUint16(2, m.frameCount, true)
  view.setUint16(4, m.framesLeftOut, true)
  const single = [m.aspect, m.mouthMotion, m.blinksPerMinute, m.pose.yaw, m.pose.pitch, m.pose.roll]
  const tables = [m.median, m.peak, m.spread, m.trend]
  const numbers = [...single, ...tables.flatMap((values) => MEASURES.map(({ name }) => values[name]))]
  for (const [i, number] of numbers.entries()) view.setFloat32(NUMBERS_AT + 4 * i, number, true)
  return bytes
}

/** What `encodeMeasures` wrote, or undefined when the bytes are of another version or cut. */
export function decodeMeasures(bytes: Uint8Array): WindowMeasures | undefined {
  if (bytes.length !== LENGTH || bytes[0] !== VERSION) return undefined
  const aspectSource = ASPECT_SOURCES[bytes[1] ?? -1]
  if (aspectSource === undefined) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const number = (i: number): number => view.getFloat32(NUMBERS_AT + 4 * i, true)
  const table = (t: number): MeasureValues => {
    const first = SINGLE_NUMBERS + t * MEASURES.length
    const entries = MEASURES.map(({ name }, i) => [name, number(first + i)])
    return Object.fromEntries(entries) as MeasureValues // one number for each measure
  }
  return {
    frameCount: view.getUint16(2, true),
    framesLeftOut: view.getUint16(4, true),
    aspect: number(0),
    aspectSource,
    median: table(0),
    peak: table(1),
    spread: table(2),
    trend: table(3),
    mouthMotion: number(1),
    blinksPerMinute: number(2),
    pose: { yaw: number(3), pitch: number(4), roll: number(5) },
  }
}
