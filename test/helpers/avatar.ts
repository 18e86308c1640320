import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Emotion } from '../../src/domain/emotion.ts'
import { type KeptFrame, keepPoints } from '../../src/domain/face/frame.ts'

export type Point = { x: number; y: number; z: number }
export type RecordedFrame = { t: number; label: Emotion; data: Point[] }

/** The recording is 640 x 480. */
export const AVATAR_WIDTH = 640
export const AVATAR_HEIGHT = 480

/** The recorded avatar, one list of frames for each stretch of one label, in order. No real person. */
export function avatarSegments(): RecordedFrame[][] {
  const text = gunzipSync(readFileSync(new URL('../../demo/avatar.jsonl.gz', import.meta.url))).toString(
    'utf8',
  )
  const frames = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as RecordedFrame)
  const segments: RecordedFrame[][] = []
  for (const frame of frames) {
    const segment = segments.at(-1)
    if (segment?.[0]?.label === frame.label) segment.push(frame)
    else segments.push([frame])
  }
  return segments
}

/** `segment` stretched to one window: `count` frames over ten seconds, between recorded frames in proportion. */
export function stretched(segment: readonly RecordedFrame[], count: number): Point[][] {
  return Array.from({ length: count }, (_, i) => {
    const place = (i / (count - 1)) * (segment.length - 1)
    const before = segment[Math.floor(place)]?.data ?? []
    const after = segment[Math.ceil(place)]?.data ?? []
    const share = place - Math.floor(place)
    return before.map((a, index) => {
      const b = after[index] ?? a
      return { x: mix(a.x, b.x, share), y: mix(a.y, b.y, share), z: mix(a.z, b.z, share) }
    })
  })
}

/** `faces` as the kept frames of one ten-second window, the camera's size told or not. */
export function keptWindow(
  faces: readonly (readonly Point[])[],
  size: { width: number; height: number } | null = null,
): KeptFrame[] {
  return faces.map((data, i) => {
    const points = keepPoints(data)
    if (points === undefined) throw new Error('a recorded frame was refused')
    const at = (i * 10_000) / faces.length
    return { at, points, width: size?.width ?? null, height: size?.height ?? null }
  })
}

function mix(a: number, b: number, share: number): number {
  return a * (1 - share) + b * share
}
