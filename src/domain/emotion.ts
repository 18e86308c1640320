/** The closed list of emotion labels, used by the database check, wire schemas, prompt and documents. */
export const EMOTIONS = [
  'happy',
  'sad',
  'angry',
  'anxious',
  'neutral',
  'surprised',
  'disgusted',
  'fearful',
] as const

export type Emotion = (typeof EMOTIONS)[number]

/** One probability per label, with a sum of 1. */
export type EmotionScores = Readonly<Record<Emotion, number>>

/**
 * The result of one analyser for one window: apparent expression.
 * `confidence` and the scores are in [0, 1]; valence, arousal and dominance in [-1, 1].
 */
export type EmotionReading = {
  readonly emotion: Emotion
  readonly confidence: number
  /** True when the window does not support a reliable label. */
  readonly uncertain: boolean
  readonly scores: EmotionScores
  readonly valence: number
  readonly arousal: number
  readonly dominance: number
}

export const EMOTION_NAMES: Readonly<Record<Emotion, { readonly ko: string; readonly en: string }>> = {
  happy: { ko: '행복', en: 'happiness' },
  sad: { ko: '슬픔', en: 'sadness' },
  angry: { ko: '화남', en: 'anger' },
  anxious: { ko: '불안', en: 'anxiety' },
  neutral: { ko: '중립', en: 'neutral' },
  surprised: { ko: '놀람', en: 'surprise' },
  disgusted: { ko: '혐오', en: 'disgust' },
  fearful: { ko: '두려움', en: 'fear' },
}

/** Accepted aliases of labels. */
const ALIASES: readonly (readonly [string, Emotion])[] = [['excited', 'surprised']]

const BY_NAME: ReadonlyMap<string, Emotion> = new Map([
  ...EMOTIONS.map((label) => [label, label] as const),
  ...ALIASES,
])

/** Parses a label or alias; undefined for any other text. */
export const parseEmotion = (text: string): Emotion | undefined => BY_NAME.get(text.trim().toLowerCase())

/**
 * Valence, arousal and dominance of each label, in [-1, 1].
 * Source: Russell & Mehrabian (1977), "Evidence for a three-factor theory of emotions",
 * Journal of Research in Personality 11, 273-294, table of mean ratings (happy, sad, angry, anxious, surprised,
 * disgusted, fearful); neutral is the origin of the three scales.
 */
export const EMOTION_VAD: Readonly<Record<Emotion, readonly [number, number, number]>> = {
  happy: [0.81, 0.51, 0.46],
  sad: [-0.63, -0.27, -0.33],
  angry: [-0.51, 0.59, 0.25],
  anxious: [0.01, 0.59, -0.15],
  neutral: [0, 0, 0],
  surprised: [0.4, 0.67, -0.13],
  disgusted: [-0.6, 0.35, 0.11],
  fearful: [-0.64, 0.6, -0.43],
}
