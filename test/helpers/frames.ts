import { faceAt, type Point, readRecording } from '../../demo/recording.ts'

const recording = readRecording()

/** `count` faces of the recorded expression, from its beginning to its end. */
export function faces(label: string, count: number): Point[][] {
  const segment = recording.find((candidate) => candidate.label === label)
  if (segment === undefined) throw new Error(`the recording shows no ${label} face`)
  return Array.from({ length: count }, (_, i) => faceAt(segment, count === 1 ? 0.5 : i / (count - 1)))
}

/** A landmarks message with its keys in the web client's order, as the text that goes over the wire. */
export const frameOf = (data: unknown, more: Record<string, unknown> = {}): string =>
  JSON.stringify({ type: 'landmarks', data, timestamp: Date.now(), ...more })

/** Messages of the recorded expression, held: the face at the height of it, `count` times. */
export function frames(label: string, count: number): string[] {
  const [face] = faces(label, 1)
  return Array.from({ length: count }, () => frameOf(face))
}
