import { EMOTION_NAMES, type Emotion } from './emotion.ts'

/** The fields of an answered window that a summary uses. */
export type SummarisedWindow = {
  readonly emotion: Emotion
  readonly confidence: number
  readonly valence: number
  readonly arousal: number
}

type EmotionCount = {
  readonly emotion: Emotion
  readonly emotionKo: string
  readonly count: number
  /** 0 to 100, one decimal. */
  readonly percentage: number
}

export type EmotionSummary = {
  readonly primaryEmotion: EmotionCount
  readonly emotionalState: 'positive' | 'negative' | 'mixed' | 'calm'
  readonly trend: {
    readonly beginning: Emotion
    readonly middle: Emotion
    readonly end: Emotion
    readonly trend: 'improving' | 'declining' | 'stable'
  }
  readonly positiveRatio: number
  readonly negativeRatio: number
  readonly topEmotions: EmotionCount[]
  /** Mean arousal mapped from [-1, 1] to [0, 1]. */
  readonly averageIntensity: number
}

const POSITIVE: ReadonlySet<Emotion> = new Set(['happy'])
const NEGATIVE: ReadonlySet<Emotion> = new Set(['sad', 'angry', 'anxious', 'disgusted', 'fearful'])

/** Minimum difference of the mean valence between the first and the last third that counts as a trend. */
const MIN_TREND = 0.15
const MIN_STATE_RATIO = 0.5

const roundTo = (value: number, digits: number) => Number(value.toFixed(digits))
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Emotions by frequency, most frequent first; ties are ordered by total confidence. */
function rankEmotions(windows: readonly SummarisedWindow[]): EmotionCount[] {
  const seen = new Map<Emotion, { count: number; confidence: number }>()
  for (const { emotion, confidence } of windows) {
    const entry = seen.get(emotion) ?? { count: 0, confidence: 0 }
    seen.set(emotion, { count: entry.count + 1, confidence: entry.confidence + confidence })
  }
  return [...seen]
    .sort(([, a], [, b]) => b.count - a.count || b.confidence - a.confidence)
    .map(([emotion, { count }]) => ({
      emotion,
      emotionKo: EMOTION_NAMES[emotion].ko,
      count,
      percentage: roundTo((count / windows.length) * 100, 1),
    }))
}

/** Beginning, middle and end; with one or two windows they overlap. */
function splitIntoThirds(windows: readonly SummarisedWindow[]): SummarisedWindow[][] {
  const size = Math.max(1, Math.floor(windows.length / 3))
  const middle = Math.floor((windows.length - size) / 2)
  return [windows.slice(0, size), windows.slice(middle, middle + size), windows.slice(-size)]
}

function computeTrend(windows: readonly SummarisedWindow[], primary: Emotion): EmotionSummary['trend'] {
  const [beginning = [], middle = [], end = []] = splitIntoThirds(windows)
  const change = mean(end.map((w) => w.valence)) - mean(beginning.map((w) => w.valence))
  const leading = (part: SummarisedWindow[]) => rankEmotions(part)[0]?.emotion ?? primary
  const direction = change > MIN_TREND ? 'improving' : change < -MIN_TREND ? 'declining' : 'stable'
  return { beginning: leading(beginning), middle: leading(middle), end: leading(end), trend: direction }
}

/** Summarises the windows of a session, given in order; null without windows. */
export function summarise(windows: readonly SummarisedWindow[]): EmotionSummary | null {
  const ranked = rankEmotions(windows)
  const [primaryEmotion] = ranked
  if (primaryEmotion === undefined) return null
  const ratio = (group: ReadonlySet<Emotion>) =>
    roundTo(windows.filter((window) => group.has(window.emotion)).length / windows.length, 4)
  const positiveRatio = ratio(POSITIVE)
  const negativeRatio = ratio(NEGATIVE)
  return {
    primaryEmotion,
    emotionalState: classifyState(positiveRatio, negativeRatio),
    trend: computeTrend(windows, primaryEmotion.emotion),
    positiveRatio,
    negativeRatio,
    topEmotions: ranked.slice(0, 3),
    averageIntensity: roundTo((mean(windows.map((window) => window.arousal)) + 1) / 2, 4),
  }
}

function classifyState(positive: number, negative: number): EmotionSummary['emotionalState'] {
  if (positive >= MIN_STATE_RATIO && positive > negative) return 'positive'
  if (negative >= MIN_STATE_RATIO && negative > positive) return 'negative'
  return positive === 0 && negative === 0 ? 'calm' : 'mixed'
}
