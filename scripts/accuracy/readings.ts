import type { EmotionReading } from '../../src/domain/emotion.ts'
import { type Baseline, calibrateBaseline, learnBaseline } from '../../src/domain/face/baseline.ts'
import type { KeptFrame } from '../../src/domain/face/frame.ts'
import { readWith } from '../../src/domain/face/local-analyser.ts'
import { measureFaces, type WindowMeasures } from '../../src/domain/face/measures.ts'
import type { FaceModel } from '../../src/domain/face/model.ts'
import { shapeAxes } from '../../src/domain/face/shape.ts'

/** One window as the server measures it, its shape seen with `model`. */
export function measureWith(
  model: FaceModel,
  frames: readonly KeptFrame[],
  aspect?: number,
): WindowMeasures | undefined {
  const measured = measureFaces(frames, aspect === undefined ? {} : { aspect })
  return measured && { ...measured.measures, shape: shapeAxes(measured.shape, model) }
}

/** The reading of one window, or undefined when no frame of it shows a face. */
export function readFrames(
  model: FaceModel,
  frames: readonly KeptFrame[],
  baseline?: Baseline,
  aspect?: number,
): EmotionReading | undefined {
  const m = measureWith(model, frames, aspect)
  return m && readWith(model, m, baseline)
}

/** The neutral face as an explicit calibration finds it, its shape seen with `model`. */
export function calibrated(model: FaceModel, frames: readonly KeptFrame[]): Baseline | undefined {
  const m = measureWith(model, frames)
  const known = calibrateBaseline(frames)
  // A synthetic clip has only five to nine neutral frames: fewer than a person is asked for.
  const weight = known?.weight ?? CALIBRATED_WEIGHT
  return m && { weight, measures: m.median, shape: m.shape }
}

const CALIBRATED_WEIGHT = 20

/** The neutral face as a session learns it from all its windows. */
export function learnt(
  model: FaceModel,
  frames: readonly KeptFrame[],
  windowLength: number,
): Baseline | undefined {
  let baseline: Baseline | undefined
  for (const window of windowsOf(frames, windowLength)) {
    const m = measureWith(model, window)
    if (m !== undefined) baseline = learnBaseline(baseline, m, readWith(model, m, baseline))
  }
  return baseline
}

/** Stretches of `length` frames; what is left over at the end, when it is half of one, is one more. */
export function windowsOf(frames: readonly KeptFrame[], length: number): KeptFrame[][] {
  const windows: KeptFrame[][] = []
  for (let from = 0; from < frames.length; from += length) {
    const window = frames.slice(from, from + length)
    if (windows.length === 0 || window.length >= length / 2) windows.push(window)
  }
  return windows
}

/** The same frames as from a client that does not send the size of its image. */
export const withoutSize = (frames: readonly KeptFrame[]): KeptFrame[] =>
  frames.map((frame) => ({ ...frame, width: null, height: null }))
