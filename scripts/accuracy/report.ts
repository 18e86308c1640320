import { readFileSync, statSync } from 'node:fs'
import { LOCAL_ANALYSER_VERSION, readExpression } from '../../src/domain/face/local-analyser.ts'
import { measureWindow } from '../../src/domain/face/measures.ts'
import type { FaceModel } from '../../src/domain/face/model.ts'
import { LOCAL_MODEL } from '../../src/domain/face/model.ts'
import { calibrated } from '../fit/calibrate.ts'
import { type Clip, readClips, readPictures } from '../fit/landmark-files.ts'
import { FOLDS, readTrainingData, train } from '../fit/train.ts'
import {
  judgeCamera,
  judgePictures,
  judgeReal,
  judgeSynthetic,
  type ModelFor,
  type PictureFigures,
  type RealFigures,
  type WithAndWithout,
} from './judge.ts'
import { withoutSize } from './readings.ts'

/** The result of `npm run accuracy`; docs/accuracy.md is generated from it. */
export type AccuracyReport = {
  readonly analyser: string
  readonly fitted: string
  /** True: each face was analysed by a model that was not fitted to its person. False: by the shipped model. */
  readonly crossValidated: boolean
  readonly pictures: Readonly<Record<string, PictureFigures>>
  readonly synthetic: Readonly<Record<'withBaseline' | 'cold', WithAndWithout>>
  readonly real: Readonly<Record<'withBaseline' | 'cold', RealFigures>>
  readonly camera: { readonly windows: number; readonly windowCount: number; readonly pictures: number }
  readonly cpuMsPerWindow: number
  readonly modelBytes: number
}

const MODEL_FILE = new URL('../../src/domain/face/local-2.json', import.meta.url)

/** Evaluates the landmark files in `folder` with the shipped model, or with models fitted to other folds. */
export function accuracyOf(
  folder: string,
  crossValidate: boolean,
  say: (text: string) => void,
): AccuracyReport {
  const modelFor = crossValidate ? refitted(folder, say) : () => LOCAL_MODEL
  const pictures = readPictures(folder, 'frames.jsonl.gz')
  const synthetic = readClips(folder, 'clips_synthetic.jsonl.gz')
  const real = readClips(folder, 'clips_real.jsonl.gz')
  if (pictures.length + synthetic.length + real.length === 0)
    throw new Error(`no landmark files in ${folder}`)
  return {
    analyser: LOCAL_ANALYSER_VERSION,
    fitted: LOCAL_MODEL.date,
    crossValidated: crossValidate,
    pictures: judgePictures(pictures, modelFor),
    synthetic: judgeSynthetic(synthetic, modelFor),
    real: judgeReal(real, modelFor),
    camera: judgeCamera(pictures, [...synthetic, ...real]),
    cpuMsPerWindow: cpuPerWindow([...synthetic, ...real]),
    modelBytes: statSync(MODEL_FILE).size,
  }
}

/** Real videos are not training data, so any of the models may analyse them, and persons that are in no fold. */
function refitted(folder: string, say: (text: string) => void): ModelFor {
  const data = readTrainingData(folder)
  const models: FaceModel[] = []
  for (let fold = 0; fold < FOLDS; fold++) {
    say(`fitting without fold ${fold + 1} of ${FOLDS}`)
    models.push(train(data, LOCAL_MODEL.date, fold))
  }
  const cooled = models.map((model, fold) => calibrated(model, models, data, fold))
  return (person) => cooled[data.foldOfPerson.get(person) ?? 0] ?? LOCAL_MODEL
}

const FRAMES = 40
const ROUNDS = 8

/** CPU time (ms) to measure and analyse one window of 40 frames without the size of the image. */
function cpuPerWindow(clips: readonly Clip[]): number {
  const windows = clips
    .map(({ frames }) => withoutSize(frames.slice(0, FRAMES)))
    .filter(({ length }) => length === FRAMES)
  const readAll = () => {
    for (const window of windows) {
      const m = measureWindow(window)
      if (m !== undefined) readExpression(m)
    }
  }
  readAll() // once for the compiler
  const begun = process.cpuUsage()
  for (let round = 0; round < ROUNDS; round++) readAll()
  const { user, system } = process.cpuUsage(begun)
  return windows.length === 0 ? 0 : (user + system) / 1000 / ROUNDS / windows.length
}

/** The report as JSON with three decimals. */
export const reportAsJson = (report: AccuracyReport): string =>
  `${JSON.stringify(report, (_, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value), 2)}\n`

/** The last figures, as shown in docs/accuracy.md. */
export const readReport = (file: URL): AccuracyReport =>
  JSON.parse(readFileSync(file, 'utf8')) as AccuracyReport // written by reportAsJson
