import type { Word } from '../words/language.ts'

/** One face, as the client takes it, with what is needed to draw it. */
export type Face = {
  /** x, y, z of each point; x and z in widths of the image, y in heights. Null: nobody is in sight. */
  readonly points: Float32Array | null
  readonly width: number
  readonly height: number
  /** How long the model has looked at the picture, ms. */
  readonly ageMs: number
}

export type SourceState = {
  /** `interrupted`: it is there and gives no pictures, as during a call on a telephone. */
  readonly camera: 'waiting' | 'ready' | 'interrupted' | 'failed'
  readonly model: 'waiting' | 'ready' | 'failed'
  /** The sentence that says what is wrong, and what to do. */
  readonly fault: Word | null
}

export const WAITING: SourceState = { camera: 'waiting', model: 'waiting', fault: null }

/** Where faces come from: a camera or the recording. */
export type FaceSource = {
  readonly kind: 'camera' | 'recording'
  /** What is shown under the outline; a recording of points has no picture. */
  readonly preview: HTMLVideoElement | null
  readonly onFace: (listener: (face: Face) => void) => void
  readonly onState: (listener: (state: SourceState) => void) => void
  /** Begins, or tries again what has failed; `state` says what is missing. */
  readonly start: () => Promise<void>
  readonly close: () => void
}
