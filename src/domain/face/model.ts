import type { Emotion } from '../emotion.ts'
import fitted from './local-2.json' with { type: 'json' }

/**
 * The fitted parameters of the local analyser, written by `npm run fit`. Measures are standardised by `mean` and
 * `deviation`; lists of measures are in the order of `MEASURES`, lists of labels in that of `labels` (first head) or of
 * `EMOTIONS` (second head).
 */
export type FaceModel = {
  readonly version: string
  /** Day of the fit, YYYY-MM-DD. */
  readonly date: string
  readonly measures: readonly {
    readonly name: string
    readonly mean: number
    readonly deviation: number
    /** The mean over neutral faces. */
    readonly neutral: number
  }[]
  /** The seven labels of the first head; `fearful` includes anxious. */
  readonly labels: readonly string[]
  /** First head, the face as it is: weights of each measure and of its square. */
  readonly face: {
    readonly bias: readonly number[]
    readonly linear: readonly (readonly number[])[]
    readonly squared: readonly (readonly number[])[]
  }
  /** First head, the whole shape: one list of weights per label; `neutral` is the mean of neutral faces on each axis. */
  readonly shape: {
    readonly mean: readonly number[]
    readonly axes: readonly (readonly number[])[]
    readonly neutral: readonly number[]
  }
  /** Second head, the change from the person's neutral face, in units of `scale`. */
  readonly change: {
    readonly scale: readonly number[]
    readonly bias: readonly number[]
    readonly linear: readonly (readonly number[])[]
  }
  /** Logit of anxious against fearful, from the face as it is. */
  readonly anxious: { readonly bias: number; readonly linear: readonly number[] }
}

/** The model of this release. */
export const LOCAL_MODEL: FaceModel = fitted

/** The labels of the first head. */
export const FACE_LABELS = [
  'happy',
  'sad',
  'angry',
  'neutral',
  'surprised',
  'disgusted',
  'fearful',
] as const satisfies readonly Emotion[]
