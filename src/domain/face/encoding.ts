import type { Doubt } from './doubts.ts'
import {
  type AspectSource,
  EMPTY_MEASURES,
  MEASURES,
  type MeasureName,
  type MeasureValues,
  type WindowMeasures,
} from './measures.ts'
import { FACE_LABELS } from './model.ts'

/*
 * Little-endian: version (1 byte), aspect source in the lower and doubt in the upper half of a byte (1), frames analysed
 * (2), frames left out (2), then float32 numbers: aspect, mouth motion, blinks per minute, yaw, pitch, roll, since version
 * 2 speech, onset and the axes of the whole shape, then for each of median, peak, spread and trend all measures in order.
 * A change of the list or order of measures or axes needs a new version.
 */
const VERSION = 2
const MIN_VERSION = 1
const ASPECT_SOURCES: readonly AspectSource[] = ['sent', 'inferred', 'assumed']
const DOUBTS: readonly (Doubt | null)[] = [null, 'out_of_picture', 'several_faces']
const UPPER_HALF = 16
const NUMBERS_AT = 6
const TABLES = 4

/** Numbers before the tables, by version. */
const SINGLE_NUMBERS: readonly number[] = [0, 6, 8 + FACE_LABELS.length]

const getLength = (version: number): number =>
  NUMBERS_AT + 4 * ((SINGLE_NUMBERS[version] ?? 0) + TABLES * MEASURES.length)

/** Encodes the measures of one window for storage, numbers as float32. */
export function encodeMeasures(m: WindowMeasures): Uint8Array {
  const bytes = new Uint8Array(getLength(VERSION))
  const view = new DataView(bytes.buffer)
  view.setUint8(0, VERSION)
  view.setUint8(1, ASPECT_SOURCES.indexOf(m.aspectSource) + UPPER_HALF * DOUBTS.indexOf(m.doubt))
  view.setUint16(2, m.frameCount, true)
  view.setUint16(4, m.framesLeftOut, true)
  let at = NUMBERS_AT
  const put = (number: number) => {
    view.setFloat32(at, number, true)
    at += 4
  }
  for (const one of [m.aspect, m.mouthMotion, m.blinksPerMinute, m.pose.yaw, m.pose.pitch, m.pose.roll])
    put(one)
  put(m.speech)
  put(m.onset)
  for (let k = 0; k < FACE_LABELS.length; k++) put(m.shape[k] ?? Number.NaN)
  for (const table of [m.median, m.peak, m.spread, m.trend]) for (const { name } of MEASURES) put(table[name])
  return bytes
}

/**
 * Decodes the bytes of `encodeMeasures`, including older versions; undefined for invalid bytes. Values that an older
 * version lacks are neutral: no speech, no onset, no axes.
 */
export function decodeMeasures(bytes: Uint8Array): WindowMeasures | undefined {
  const version = bytes[0] ?? 0
  if (version < MIN_VERSION || version > VERSION || bytes.length !== getLength(version)) return undefined
  const reasons = bytes[1] ?? -1
  const aspectSource = ASPECT_SOURCES[reasons % UPPER_HALF]
  const doubt = DOUBTS[Math.floor(reasons / UPPER_HALF)]
  if (aspectSource === undefined || doubt === undefined) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const number = (i: number): number => view.getFloat32(NUMBERS_AT + 4 * i, true)
  const table = (t: number): MeasureValues => {
    const first = (SINGLE_NUMBERS[version] ?? 0) + t * MEASURES.length
    const values: Record<MeasureName, number> = { ...EMPTY_MEASURES }
    for (const [i, { name }] of MEASURES.entries()) values[name] = number(first + i)
    return values
  }
  const axes = version < 2 ? [] : FACE_LABELS.map((_, i) => number(8 + i))
  return {
    frameCount: view.getUint16(2, true),
    framesLeftOut: view.getUint16(4, true),
    aspect: number(0),
    aspectSource,
    doubt,
    median: table(0),
    peak: table(1),
    spread: table(2),
    trend: table(3),
    mouthMotion: number(1),
    speech: version < 2 ? 0 : number(6),
    onset: version < 2 ? 0 : number(7),
    blinksPerMinute: number(2),
    pose: { yaw: number(3), pitch: number(4), roll: number(5) },
    shape: axes.some(Number.isNaN) ? [] : axes,
  }
}
