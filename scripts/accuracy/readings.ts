import type { EmotionReading } from '../../src/domain/emotion.ts'
import { type Baseline, calibrateBaseline, learnBaseline } from '../../src/domain/face/baseline.ts'
import type { KeptFrame } from '../../src/domain/face/frame.ts'
import { readExpressionWith } from '../../src/domain/face/local-analyser.ts'
import { measureFaces, type WindowMeasures } from '../../src/domain/face/measures.ts'
import type { FaceModel } from '../../src/domain/face/model.ts'
import { computeShapeAxes } from '../../src/domain/face/shape.ts'

/** One window as the server measures it, with the face shape of `model`. */
export function measureWith(
  model: FaceModel,
  frames: readonly KeptFrame[],
  aspect?: number,
): WindowMeasures | undefined {
  const measured = measureFaces(frames, aspect === undefined ? {} : { aspect })
  return measured && { ...measured.measures, shape: computeShapeAxes(measured.shape, model) }
}

/** The result of one window; undefined when no frame contains a face. */
export function readFrames(
  model: FaceModel,
  frames: readonly KeptFrame[],
  baseline?: Baseline,
  aspect?: number,
): EmotionReading | undefined {
  const m = measureWith(model, frames, aspect)
  return m && readExpressionWith(model, m, baseline)
}

/** The baseline of an explicit calibration, with the face shape of `model`. */
export function calibrated(model: FaceModel, frames: readonly KeptFrame[]): Baseline | undefined {
  const m = measureWith(model, frames)
  const known = calibrateBaseline(frames)
  // A synthetic clip has only five to nine neutral frames, fewer than a calibration requires.
  const weight = known?.weight ?? CALIBRATED_WEIGHT
  return m && { weight, measures: m.median, shape: m.shape }
}

const CALIBRATED_WEIGHT = 20

/** The baseline that a session learns from all its windows. */
export function learnt(
  model: FaceModel,
  frames: readonly KeptFrame[],
  windowLength: number,
): Baseline | undefined {
  let baseline: Baseline | undefined
  for (const window of windowsOf(frames, windowLength)) {
    const m = measureWith(model, window)
    if (m !== undefined) baseline = learnBaseline(baseline, m, readExpressionWith(model, m, baseline))
  }
  return baseline
}

/** Parts of `length` frames; a remainder of at least half that length is another part. */
export function windowsOf(frames: readonly KeptFrame[], length: number): KeptFrame[][] {
  const windows: KeptFrame[][] = []
  for (let from = 0; from < frames.length; from += length) {
    const window = frames.slice(from, from + length)
    if (windows.length === 0 || window.length >= length / 2) windows.push(window)
  }
  return windows
}

/** The same frames without the size of the image. */
export const withoutSize = (frames: readonly KeptFrame[]): KeptFrame[] =>
  frames.map((frame) => ({ ...frame, width: null, height: null }))
