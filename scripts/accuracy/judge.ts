import type { KeptFrame } from '../../src/domain/face/frame.ts'
import { measureWindow } from '../../src/domain/face/measures.ts'
import type { FaceModel } from '../../src/domain/face/model.ts'
import { groupsOf } from '../fit/groups.ts'
import type { Clip, Picture } from '../fit/landmark-files.ts'
import { framesFrom, neutralFrames, pictureSamples } from '../fit/samples.ts'
import { type Figures, figuresOf, type Judgement, judge, shareOf } from './figures.ts'
import { calibrated, learnt, readFrames, windowsOf, withoutSize } from './readings.ts'

/** The model for a picture or clip: one that was not fitted to its person. */
export type ModelFor = (person: string) => FaceModel

/** Figures with and without the size of the image. */
export type WithAndWithout = { readonly sizeKnown: Figures; readonly sizeWithheld: Figures }

/** There is no real data for anxious, so on real faces it counts as fearful. */
const seven = (label: string) => (label === 'anxious' ? 'fearful' : label)
const five = (label: string) => MERGED[seven(label)] ?? label
const MERGED: Readonly<Record<string, string>> = {
  fearful: 'fearful or surprised',
  surprised: 'fearful or surprised',
  disgusted: 'angry or disgusted',
  angry: 'angry or disgusted',
}
const eight = (label: string) => label

/** A window of the server holds at most this many frames. */
const WINDOW = 40

/** Figures of seven classes, and of five after merging the two pairs that are confused most. */
export type PictureFigures = WithAndWithout & { readonly fiveMerged: Figures }

/** The posed sets together, because each has too few people. */
const POSED: readonly string[] = ['london', 'canada']
const nameOfSet = ({ source, tier }: Picture) =>
  POSED.includes(source) ? 'london + canada' : `${source} ${tier}`

/** Each source and tier of the pictures, without near-duplicates. */
export function judgePictures(
  pictures: readonly Picture[],
  modelFor: ModelFor,
): Record<string, PictureFigures> {
  const distinct = withoutNearDuplicates(pictures)
  return Object.fromEntries(
    [...new Set(pictures.map(nameOfSet))].sort().map((name) => {
      const some = distinct.filter((picture) => nameOfSet(picture) === name)
      const of = (nameOf: (label: string) => string, size: (frames: KeptFrame[]) => KeptFrame[]) =>
        figuresOf(
          some.flatMap(({ frame, label, source, person }) => {
            const reading = readFrames(modelFor(person), size([frame]))
            return reading === undefined ? [] : [judge(label, reading, nameOf, `${source} ${person}`)]
          }),
        )
      return [
        name,
        { sizeKnown: of(seven, same), sizeWithheld: of(seven, withoutSize), fiveMerged: of(five, same) },
      ]
    }),
  )
}

const same = (frames: KeptFrame[]) => frames

function withoutNearDuplicates(pictures: readonly Picture[]): Picture[] {
  const samples = pictureSamples(pictures)
  const wild = samples.map((sample) => ({ ...sample, person: sample.id }))
  const groups = groupsOf(wild)
  const seen = new Set<string>()
  const kept = new Set<string>()
  for (const [i, { id, source, tier }] of samples.entries()) {
    const key = `${source} ${tier} ${groups[i]}`
    if (!seen.has(key)) kept.add(id)
    seen.add(key)
  }
  return pictures.filter(({ id }) => kept.has(id))
}

/** Synthetic clips at full expression: with the neutral start of the clip as baseline, and without a baseline. */
export function judgeSynthetic(
  clips: readonly Clip[],
  modelFor: ModelFor,
): Record<'withBaseline' | 'cold', WithAndWithout> {
  const of = (hasBaseline: boolean, size: (frames: KeptFrame[]) => KeptFrame[]) =>
    figuresOf(
      clips.flatMap((clip) => {
        const model = modelFor(clip.person)
        const baseline = hasBaseline ? calibrated(model, size(neutralFrames(clip))) : undefined
        const reading = readFrames(model, size(framesFrom(clip, 1)), baseline)
        return reading === undefined || clip.label === undefined
          ? []
          : [judge(clip.label, reading, eight, clip.person)]
      }),
    )
  const both = (hasBaseline: boolean) => ({
    sizeKnown: of(hasBaseline, same),
    sizeWithheld: of(hasBaseline, withoutSize),
  })
  return { withBaseline: both(true), cold: both(false) }
}

export type RealFigures = {
  readonly segments: WithAndWithout
  readonly windows: Figures
  /** Share of windows with talking, an open mouth or a hidden face that were not a certain happy. */
  readonly notConfidentlyHappy: Readonly<Record<string, number>>
  readonly negatives: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const NEGATIVES: readonly string[] = ['talking', 'mouth_open', 'occluded']

/** Real videos: each labelled segment as one window and in windows of 40 frames; negatives have no true class. */
export function judgeReal(
  clips: readonly Clip[],
  modelFor: ModelFor,
): Record<'withBaseline' | 'cold', RealFigures> {
  const of = (hasBaseline: boolean): RealFigures => {
    const read = (size: (frames: KeptFrame[]) => KeptFrame[], length: number) =>
      clips.flatMap((clip) => {
        const model = modelFor(clip.person)
        const baseline = hasBaseline ? learnt(model, size([...clip.frames]), WINDOW) : undefined
        return judgeSegments(clip, length, (frames) => readFrames(model, size(frames), baseline))
      })
    const emotions = (judged: readonly Judgement[]) =>
      judged.filter(({ truth }) => !NEGATIVES.includes(truth))
    const windows = read(same, WINDOW)
    const negatives = NEGATIVES.filter((name) => windows.some(({ truth }) => truth === name))
    const named = (name: string) => windows.filter(({ truth }) => truth === name)
    const whole = Number.MAX_SAFE_INTEGER
    return {
      segments: {
        sizeKnown: figuresOf(emotions(read(same, whole))),
        sizeWithheld: figuresOf(emotions(read(withoutSize, whole))),
      },
      windows: figuresOf(emotions(windows)),
      notConfidentlyHappy: Object.fromEntries(
        negatives.map((name) => [name, shareOf(named(name), (one) => one.read !== 'happy' || one.uncertain)]),
      ),
      negatives: figuresOf(windows.filter(({ truth }) => NEGATIVES.includes(truth))).confusion,
    }
  }
  return { withBaseline: of(true), cold: of(false) }
}

/** The labelled segments of a clip, in windows of at most `length` frames. */
function judgeSegments(
  clip: Clip,
  length: number,
  read: (frames: KeptFrame[]) => ReturnType<typeof readFrames>,
): Judgement[] {
  return clip.segments.flatMap(({ from, to, label }) =>
    windowsOf(clip.frames.slice(from, to + 1), length).flatMap((window) => {
      const reading = read(window)
      return reading === undefined ? [] : [judge(label, reading, seven, clip.person)]
    }),
  )
}

/** Shares of windows and pictures whose camera shape was found only from the faces. */
export function judgeCamera(
  pictures: readonly Picture[],
  clips: readonly Clip[],
): { readonly windows: number; readonly windowCount: number; readonly pictures: number } {
  const shapes = [16 / 9, 4 / 3, 1, 3 / 4, 9 / 16]
  const isRight = (frames: readonly KeptFrame[]): boolean[] => {
    const [first] = frames
    const sent = (first?.width ?? 0) / (first?.height ?? 1)
    const right = shapes.find((shape) => Math.abs(Math.log(shape / sent)) < 0.02)
    if (right === undefined) return [] // no camera gives this shape
    return [Math.abs((measureWindow(withoutSize(frames))?.aspect ?? 0) - right) < 0.01]
  }
  const share = (answers: readonly boolean[]) => answers.filter(Boolean).length / Math.max(1, answers.length)
  const windows = clips.flatMap(({ frames }) => windowsOf(frames, WINDOW).flatMap(isRight))
  return {
    windows: share(windows),
    windowCount: windows.length,
    pictures: share(pictures.flatMap(({ frame }) => isRight([frame]))),
  }
}
