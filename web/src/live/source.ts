/** One face, as the client takes it, with what is needed to draw it. */
export type Face = {
  /** x, y, z of each point; x and z in widths of the image, y in heights. Null: nobody is in sight. */
  readonly points: Float32Array | null
  readonly width: number
  readonly height: number
}

export type SourceState = {
  readonly camera: 'waiting' | 'ready' | 'failed'
  readonly model: 'waiting' | 'ready' | 'failed'
}

/** Where faces come from: a camera or the recording. */
export type FaceSource = {
  readonly kind: 'camera' | 'recording'
  /** What is shown under the outline; a recording of points has no picture. */
  readonly preview: HTMLVideoElement | null
  readonly onFace: (listener: (face: Face) => void) => void
  readonly onState: (listener: (state: SourceState) => void) => void
  /** Begins; rejects when it cannot, with `state` saying what is missing. */
  readonly start: () => Promise<void>
  readonly close: () => void
}
