import { EMOTIONS } from '../../src/domain/emotion.ts'
import { computeLogits } from '../../src/domain/face/heads.ts'
import { measureFaces } from '../../src/domain/face/measures.ts'
import { FACE_LABELS, type FaceModel } from '../../src/domain/face/model.ts'
import { computeShapeAxes } from '../../src/domain/face/shape.ts'
import { faceClass } from './face-head.ts'
import { softmax } from './logistic.ts'
import { framesFrom, neutralFrames } from './samples.ts'
import { cooled, type TrainingData } from './train.ts'

type Judged = { readonly logits: readonly number[]; readonly label: number; readonly weight: number }

/**
 * Divides the logits of both heads by the temperatures that fit held-out samples best. `models[k]` was not fitted to
 * fold k; the temperatures are for `model`, which was fitted to all folds. Source: Guo et al. (2017), On Calibration of
 * Modern Neural Networks, ICML.
 */
export function calibrated(
  model: FaceModel,
  models: readonly FaceModel[],
  data: TrainingData,
  without = -1,
): FaceModel {
  const face: Judged[] = []
  for (const [i, sample] of data.samples.entries()) {
    const fold = data.foldOfSample[i] ?? 0
    const other = models[fold]
    if (fold === without || other === undefined || !['curated', 'clean'].includes(sample.tier)) continue
    const m = { ...sample.measures, shape: computeShapeAxes(sample.shape, other) }
    face.push({
      logits: sevenOf(computeLogits(other, m, undefined)),
      label: faceClass(sample.label),
      weight: sample.tier === 'clean' ? 0.5 : 1,
    })
  }
  const change: Judged[] = []
  for (const clip of data.clips) {
    const fold = data.foldOfPerson.get(clip.person) ?? 0
    const other = models[fold]
    const own = measureFaces(neutralFrames(clip))
    const window = measureFaces(framesFrom(clip, 1))
    if (
      fold === without ||
      other === undefined ||
      own === undefined ||
      window === undefined ||
      clip.label === undefined
    )
      continue
    const baseline = { weight: 1e9, measures: own.measures.median, shape: computeShapeAxes(own.shape, other) }
    const m = { ...window.measures, shape: computeShapeAxes(window.shape, other) }
    change.push({ logits: computeLogits(other, m, baseline), label: EMOTIONS.indexOf(clip.label), weight: 1 })
  }
  return cooled(model, bestTemperature(face), bestTemperature(change))
}

/** Anxious and fearful together, in the order of `FACE_LABELS`. */
function sevenOf(eight: readonly number[]): number[] {
  const at = (label: string) => eight[(EMOTIONS as readonly string[]).indexOf(label)] ?? 0
  return FACE_LABELS.map((label) =>
    label === 'fearful' ? Math.log(Math.exp(at('fearful')) + Math.exp(at('anxious'))) : at(label),
  )
}

/** In steps of 1/40, because the loss is flat around its minimum. */
function bestTemperature(judged: readonly Judged[]): number {
  let [best, least] = [1, Number.POSITIVE_INFINITY]
  for (let step = -40; step <= 40; step++) {
    const temperature = Math.exp(step / 40)
    let loss = 0
    for (const { logits: values, label, weight } of judged) {
      const probabilities = softmax(Float64Array.from(values, (value) => value / temperature))
      loss -= weight * Math.log(Math.max(probabilities[label] ?? 0, 1e-12))
    }
    if (loss < least) [best, least] = [temperature, loss]
  }
  return best
}
