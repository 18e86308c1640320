import { FACE_LABELS, type FaceModel } from '../../src/domain/face/model.ts'
import { fitAnxious, fitChangeHead } from './change-head.ts'
import { fitFaceHead } from './face-head.ts'
import { foldsOf, groupsOf } from './groups.ts'
import { type Clip, type Picture, readClips, readPictures } from './landmark-files.ts'
import { openedMouths } from './open-mouths.ts'
import { clipSamples, pictureSamples, type Sample } from './samples.ts'

/** The training data, each part with the fold of its persons and near-duplicates. */
export type TrainingData = {
  readonly samples: readonly Sample[]
  readonly groups: readonly number[]
  readonly foldOfSample: readonly number[]
  readonly clips: readonly Clip[]
  readonly foldOfPerson: ReadonlyMap<string, number>
}

export const FOLDS = 5

/** Reads and measures a data folder. Synthetic clips and generated faces are in the folds of their persons. */
export function readTrainingData(folder: string, seed = 1): TrainingData {
  const pictures = [...readPictures(folder, 'frames.jsonl.gz'), ...readPictures(folder, 'fer_extra.jsonl.gz')]
  const clips = readClips(folder, 'clips_synthetic.jsonl.gz')
  const samples = [
    ...pictureSamples(pictures),
    ...clipSamples(clips),
    ...openedMouths(trusted(pictures), clips),
  ]
  const groups = groupsOf(samples)
  const foldOfSample = foldsOf(samples, groups, FOLDS, seed)
  const foldOfPerson = new Map(samples.map(({ person }, i) => [person, foldOfSample[i] ?? 0]))
  return { samples, groups, foldOfSample, clips, foldOfPerson }
}

const trusted = (pictures: readonly Picture[]) => pictures.filter(({ tier }) => tier !== 'noisy')

/** Fits all parts of the model to all folds except `without`, without calibration. */
export function train(data: TrainingData, date: string, without = -1): FaceModel {
  const keep = data.samples.map((_, i) => data.foldOfSample[i] !== without)
  const samples = data.samples.filter((_, i) => keep[i])
  const groups = data.groups.filter((_, i) => keep[i])
  const clips = data.clips.filter(({ person }) => data.foldOfPerson.get(person) !== without)
  const head = fitFaceHead(samples, groups)
  return {
    version: 'local-2',
    date,
    labels: FACE_LABELS,
    ...head,
    change: fitChangeHead(clips, samples),
    anxious: fitAnxious(clips, head),
  }
}

/** The same model with the logits of its heads divided by their temperatures. */
export function cooled(model: FaceModel, face: number, change: number): FaceModel {
  const over = (by: number) => (list: readonly number[]) => list.map((value) => value / by)
  return {
    ...model,
    face: {
      bias: over(face)(model.face.bias),
      linear: model.face.linear.map(over(face)),
      squared: model.face.squared.map(over(face)),
    },
    shape: {
      ...model.shape,
      axes: model.shape.axes.map(over(face)),
      neutral: over(face)(model.shape.neutral),
    },
    change: {
      ...model.change,
      bias: over(change)(model.change.bias),
      linear: model.change.linear.map(over(change)),
    },
  }
}

/** Rounds every number to five significant digits, so that the shipped model is small and equals the evaluated one. */
export function roundedModel(model: FaceModel): FaceModel {
  const text = JSON.stringify(model, (_, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(5)) : value,
  )
  return JSON.parse(text) as FaceModel // what was written a line above
}
