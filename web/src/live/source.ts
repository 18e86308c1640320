import type { TextKey } from '../words/language.ts'

/** One face for the client, with the image size for drawing. */
export type Face = {
  /** x, y, z of each point; x and z in image widths, y in image heights. Null without a face. */
  readonly points: Float32Array | null
  readonly width: number
  readonly height: number
  /** Time since the capture of the image, ms. */
  readonly ageMs: number
}

export type SourceState = {
  /** `interrupted`: connected but without images, for example during a phone call. */
  readonly camera: 'waiting' | 'ready' | 'interrupted' | 'failed'
  readonly model: 'waiting' | 'ready' | 'failed'
  /** Text that explains the error and what to do. */
  readonly fault: TextKey | null
}

export const WAITING: SourceState = { camera: 'waiting', model: 'waiting', fault: null }

/** A source of faces: a camera or the recording. */
export type FaceSource = {
  readonly kind: 'camera' | 'recording'
  /** The video under the outline; null for a recording of points. */
  readonly preview: HTMLVideoElement | null
  readonly onFace: (listener: (face: Face) => void) => void
  readonly onState: (listener: (state: SourceState) => void) => void
  /** Starts, or retries after a failure; progress is reported through `onState`. */
  readonly start: () => Promise<void>
  readonly close: () => void
}
