import type { Emotion } from '../../src/domain/emotion.ts'
import type { KeptFrame } from '../../src/domain/face/frame.ts'
import { measureFaces, type WindowMeasures } from '../../src/domain/face/measures.ts'
import { median } from '../../src/domain/face/statistics.ts'
import type { Clip, Picture } from './landmark-files.ts'

/** The runtime's measures of one window, and the whole median shape. */
export type Measured = { readonly measures: Omit<WindowMeasures, 'shape'>; readonly shape: Float64Array }

/** A measured face with its label; `trusted` if the label is reliable. */
export type Sample = Measured & {
  readonly id: string
  readonly source: string
  readonly tier: string
  readonly label: Emotion
  readonly person: string
  readonly trusted: boolean
}

/** Tiers with verified or posed labels. */
const TRUSTED_TIERS: readonly string[] = ['clean', 'curated']

/** The pictures with a face that the runtime would measure. */
export function pictureSamples(pictures: readonly Picture[]): Sample[] {
  return pictures.flatMap(({ frame, ...picture }) => {
    const measured = measureFaces([frame])
    return measured === undefined
      ? []
      : [{ ...measured, ...picture, trusted: TRUSTED_TIERS.includes(picture.tier) }]
  })
}

/** The frames of a synthetic clip whose expression is at least this strong, or at most. */
export const framesFrom = ({ frames, intensity }: Clip, least: number): KeptFrame[] =>
  frames.filter((_, i) => (intensity[i] ?? 0) >= least)
export const neutralFrames = ({ frames, intensity }: Clip): KeptFrame[] =>
  frames.filter((_, i) => intensity[i] === 0)

/** Two samples of each clip: its neutral start and its full expression. */
export function clipSamples(clips: readonly Clip[]): Sample[] {
  const set = { source: 'synthetic', trusted: true }
  return clips.flatMap((clip) => {
    const { id, person, label } = clip
    const start = measureFaces(neutralFrames(clip))
    const full = measureFaces(framesFrom(clip, 1))
    if (start === undefined || full === undefined || label === undefined) return []
    return [
      { ...start, ...set, tier: 'synthetic start', id: `${id} start`, label: 'neutral' as const, person },
      { ...full, ...set, tier: 'synthetic', id, label, person },
    ]
  })
}

/** The median of several measured faces; other values are those of the first one. */
export function middleOf(all: readonly Measured[]): Measured | undefined {
  const [first] = all
  if (first === undefined) return undefined
  const names = Object.keys(first.measures.median) as (keyof WindowMeasures['median'])[] // its own keys
  const values = names.map((name) => [name, median(all.map(({ measures }) => measures.median[name]))])
  const shape = first.shape.map((_, i) => median(all.map((one) => one.shape[i] ?? 0)))
  const middle = Object.fromEntries(values) as WindowMeasures['median'] // all names
  return { measures: { ...first.measures, median: middle }, shape }
}
