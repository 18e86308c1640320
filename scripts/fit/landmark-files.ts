import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Emotion, parseEmotion } from '../../src/domain/emotion.ts'
import type { KeptFrame } from '../../src/domain/face/frame.ts'
import { POINTS_IN_USE } from '../../src/domain/face/points.ts'

/** One picture of one face, with the size of its image. `tier` is the reliability of its label. */
export type Picture = {
  readonly id: string
  readonly source: string
  readonly tier: string
  readonly label: Emotion
  readonly person: string
  readonly frame: KeptFrame
}

/** A segment of a clip, frames `from` to `to`, with its annotation; labels other than ours are negatives. */
export type Segment = { readonly from: number; readonly to: number; readonly label: string }

export type Clip = {
  readonly id: string
  readonly person: string
  readonly fps: number
  readonly frames: readonly KeptFrame[]
  /** A synthetic clip: its label, and the intensity in each frame, 0 to 1. */
  readonly label: Emotion | undefined
  readonly intensity: readonly number[]
  /** A real clip: its labelled segments. */
  readonly segments: readonly Segment[]
}

const PICTURE_UNIT = 16_384
const CLIP_UNIT = 8192

/** The pictures of `name` in `folder`, none when the file does not exist. Throws on malformed rows. */
export function readPictures(folder: string, name: string): Picture[] {
  return readRows(folder, name).map((row) => {
    const numbers = int16(row)
    return {
      id: text(row, 'id'),
      source: text(row, 'src'),
      tier: text(row, 'tier'),
      label: emotionOf(text(row, 'label')),
      person: text(row, 'person'),
      frame: keptFrame(numbers, PICTURE_UNIT, 0, sizeOf(row)),
    }
  })
}

/** The clips of `name` in `folder`, none when the file does not exist. */
export function readClips(folder: string, name: string): Clip[] {
  return readRows(folder, name).map((row) => {
    const [points, count, fps] = [number(row, 'n'), number(row, 'frames'), number(row, 'fps')]
    const numbers = int16(row)
    const length = points * 3
    // Each frame is stored as the wrapping difference from the one before.
    for (let i = length; i < numbers.length; i++) numbers[i] = (numbers[i] ?? 0) + (numbers[i - length] ?? 0)
    const at = (i: number) => (i * 1000) / fps
    return {
      id: text(row, 'id'),
      person: text(row, 'person'),
      fps,
      frames: Array.from({ length: count }, (_, i) =>
        keptFrame(numbers.subarray(i * length, (i + 1) * length), CLIP_UNIT, at(i), sizeOf(row)),
      ),
      label: typeof row['label'] === 'string' ? emotionOf(row['label']) : undefined,
      intensity: Array.isArray(row['intensity']) ? row['intensity'].map(Number) : [],
      segments: Array.isArray(row['segments']) ? row['segments'].map(toSegment) : [],
    }
  })
}

type Row = Readonly<Record<string, unknown>>

function readRows(folder: string, name: string): Row[] {
  const path = join(folder, name)
  if (!existsSync(path)) return []
  const lines = gunzipSync(readFileSync(path)).toString('utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Row) // a line is an object; its fields are checked one by one
}

/** The points in use of one frame, whose numbers are fractions of the image times `unit`. */
function keptFrame(
  numbers: Int16Array,
  unit: number,
  at: number,
  size: { readonly width: number; readonly height: number },
): KeptFrame {
  const points = new Float32Array(POINTS_IN_USE.length * 3).fill(Number.NaN)
  for (const [place, index] of POINTS_IN_USE.entries()) {
    if (index >= numbers.length / 3) continue
    for (let axis = 0; axis < 3; axis++) points[place * 3 + axis] = (numbers[index * 3 + axis] ?? 0) / unit
  }
  return { at, points, ...size }
}

function int16(row: Row): Int16Array {
  const bytes = Buffer.from(text(row, 'pts'), 'base64')
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

const sizeOf = (row: Row) => ({ width: number(row, 'w'), height: number(row, 'h') })

function toSegment(value: unknown): Segment {
  const row = value as Row // an object of the file; its fields are checked
  return { from: number(row, 'a'), to: number(row, 'b'), label: text(row, 'label') }
}

function emotionOf(label: string): Emotion {
  const emotion = parseEmotion(label)
  if (emotion === undefined) throw new Error(`"${label}" is no label of ours`)
  return emotion
}

function text(row: Row, key: string): string {
  const value = row[key]
  if (typeof value !== 'string') throw new Error(`a row without ${key}`)
  return value
}

function number(row: Row, key: string): number {
  const value = row[key]
  if (typeof value !== 'number') throw new Error(`a row without ${key}`)
  return value
}
