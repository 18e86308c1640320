import type { Emotion } from '../emotion.ts'
import fitted from './local-2.json' with { type: 'json' }

/**
 * The fitted numbers of the local analyser, written by `npm run fit`. Everything a measure can say is told in units
 * of `deviation` from `mean`; all lists of measures are in the order of `MEASURES`, all lists of labels in that of
 * `labels` (the first head) or of `EMOTIONS` (the second).
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
  /** What the first head tells apart: seven labels, `fearful` standing for anxious too. */
  readonly labels: readonly string[]
  /** First head, the face as it is: weights of each measure and of its square. */
  readonly face: {
    readonly bias: readonly number[]
    readonly linear: readonly (readonly number[])[]
    readonly squared: readonly (readonly number[])[]
  }
  /** First head, the whole shape: one list of weights a label; `neutral` is the mean of neutral faces on each axis. */
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
  /** Anxious against fearful, in logits, from the face as it is. */
  readonly anxious: { readonly bias: number; readonly linear: readonly number[] }
}

/** The model that ships. */
export const LOCAL_MODEL: FaceModel = fitted

/** The labels that the first head tells apart. */
export const FACE_LABELS = [
  'happy',
  'sad',
  'angry',
  'neutral',
  'surprised',
  'disgusted',
  'fearful',
] as const satisfies readonly Emotion[]
