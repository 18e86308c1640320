import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

export type Point = { readonly x: number; readonly y: number; readonly z: number }

/** A part of the recording in which the synthetic head shows one expression. */
export type Segment = { readonly label: string; readonly frames: readonly (readonly Point[])[] }

type Line = { readonly label: string; readonly data: readonly Point[] }

/**
 * The recorded face: a synthetic head (geometry from ICT-FaceKit, MIT) with all labels, 15 frames per second,
 * as detected by MediaPipe. Not a picture of a person.
 */
export function readRecording(): Segment[] {
  const file = new URL('avatar.jsonl.gz', import.meta.url)
  const [, ...lines] = gunzipSync(readFileSync(file)).toString('utf8').trim().split('\n')
  const segments: { label: string; frames: (readonly Point[])[] }[] = []
  for (const text of lines) {
    const { label, data } = JSON.parse(text) as Line // our own file
    const last = segments.at(-1)
    if (last?.label === label) last.frames.push(data)
    else segments.push({ label, frames: [data] })
  }
  return segments
}

/** The face at `share` (0 to 1) of a segment, interpolated between two frames. */
export function faceAt({ frames }: Segment, share: number): Point[] {
  const position = Math.min(Math.max(share, 0), 1) * (frames.length - 1)
  const before = frames[Math.floor(position)] ?? []
  const after = frames[Math.ceil(position)] ?? before
  const weight = position - Math.floor(position)
  const between = (a: number, b: number) => a + (b - a) * weight
  return before.map((point, i) => {
    const next = after[i] ?? point
    return { x: between(point.x, next.x), y: between(point.y, next.y), z: between(point.z, next.z) }
  })
}
