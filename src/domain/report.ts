import { EMOTION_NAMES, type Emotion } from './emotion.ts'
import type { Language } from './language.ts'
import { type EmotionSummary, type SummarisedWindow, summarise } from './summary.ts'

/** What a report reads of one answered window. Late refinements are not part of it. */
export type ReportedWindow = SummarisedWindow & {
  readonly window: number
  /** Close of the window, ms since the epoch. */
  readonly closedAt: number
  readonly dominance: number
  readonly uncertain: boolean
  readonly source: 'gemini' | 'local'
  readonly model: string
  readonly analyserVersion: string
  readonly frameCount: number
}

export type ReportedSession = {
  readonly sessionId: string
  readonly labels: { readonly userId?: string | number; readonly counselorId?: string | number }
  readonly startedAt: number
  readonly endedAt: number
}

export type Vad = { readonly valence: number; readonly arousal: number; readonly dominance: number }

const rounded = (value: number) => Math.round(value * 10_000) / 10_000 + 0
const mean = (values: readonly number[]) =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length

const vadOf = (windows: readonly ReportedWindow[]): Vad => ({
  valence: rounded(mean(windows.map((window) => window.valence))),
  arousal: rounded(mean(windows.map((window) => window.arousal))),
  dominance: rounded(mean(windows.map((window) => window.dominance))),
})

const rangeOf = (values: readonly number[]) => ({
  average: rounded(mean(values)),
  minimum: rounded(Math.min(...values)),
  maximum: rounded(Math.max(...values)),
})

/** `1:02:03` or `2:03`. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

const nameOf = (emotion: Emotion, language: Language) => EMOTION_NAMES[emotion][language]

/** Sentences about what was seen; about apparent expression, never about the person. */
const SENTENCES = {
  nothing: { ko: () => '분석된 구간이 없습니다.', en: () => 'No window was analysed.' },
  primary: {
    ko: (name: string, share: number) => `가장 자주 보인 표정은 ${name}입니다 (${share}%).`,
    en: (name: string, share: number) => `The expression seen most often was ${name} (${share}%).`,
  },
  improving: {
    ko: () => '후반으로 갈수록 표정이 밝아지는 흐름을 보였습니다.',
    en: () => 'Expressions became brighter towards the end.',
  },
  declining: {
    ko: () => '후반으로 갈수록 표정이 어두워지는 흐름을 보였습니다.',
    en: () => 'Expressions became darker towards the end.',
  },
  stable: {
    ko: () => '표정의 흐름이 전반적으로 일정했습니다.',
    en: () => 'Expressions stayed much the same throughout.',
  },
  uncertain: {
    ko: (share: number) => `판단이 불확실한 구간이 ${share}% 있었습니다.`,
    en: (share: number) => `${share}% of the windows were read with uncertainty.`,
  },
} as const

function observations(
  windows: readonly ReportedWindow[],
  summary: EmotionSummary | null,
  language: Language,
): string[] {
  if (summary === null) return [SENTENCES.nothing[language]()]
  const { emotion, percentage } = summary.primaryEmotion
  const uncertain = Math.round((windows.filter((window) => window.uncertain).length / windows.length) * 100)
  return [
    SENTENCES.primary[language](nameOf(emotion, language), percentage),
    SENTENCES[summary.trend.trend][language](),
    ...(uncertain > 0 ? [SENTENCES.uncertain[language](uncertain)] : []),
  ]
}

const RECOMMENDATIONS = {
  positive: {
    ko: ['편안했던 순간', '밝은 표정이 많았던 때에 무엇을 하고 있었는지 이야기해 보세요.'],
    en: ['Moments of ease', 'Talk about what was going on when expressions were bright.'],
  },
  negative: {
    ko: ['어려웠던 순간', '표정이 무거워 보였던 때에 어떤 생각이 들었는지 이야기해 보세요.'],
    en: ['Difficult moments', 'Talk about what came to mind when expressions looked heavy.'],
  },
  mixed: {
    ko: ['변화의 순간', '표정이 바뀐 때에 무슨 일이 있었는지 함께 살펴보세요.'],
    en: ['Moments of change', 'Look together at what happened when expressions changed.'],
  },
  calm: {
    ko: ['차분한 흐름', '차분했던 흐름이 실제 느낌과 같았는지 확인해 보세요.'],
    en: ['A calm course', 'Ask whether the calm that was seen matches what was felt.'],
  },
} as const

function recommendations(summary: EmotionSummary | null, language: Language) {
  if (summary === null) return []
  const [title, description] = RECOMMENDATIONS[summary.emotionalState][language]
  return [{ priority: 'medium' as const, category: 'conversation', title, description }]
}

const DISCLAIMER: Readonly<Record<Language, string>> = {
  ko: '이 보고서는 인공지능이 얼굴 표정을 추정한 결과이며 진단이 아닙니다.',
  en: 'This report is an estimate of facial expression made by an artificial intelligence. It is no diagnosis.',
}

/**
 * Everything a report says, from the stored windows alone and always the same for the same windows. `windows` in order.
 * Valence, arousal and dominance in [-1, 1], ratios in [0, 1], times in ms.
 */
export function buildReport(
  session: ReportedSession,
  windows: readonly ReportedWindow[],
  language: Language,
) {
  const summary = summarise(windows)
  const keyObservations = observations(windows, summary, language)
  const duration = session.endedAt - session.startedAt
  const gemini = windows.filter((window) => window.source === 'gemini').length
  const unique = (values: readonly string[]) => [...new Set(values)].sort()
  return {
    metadata: {
      sessionId: session.sessionId,
      ...session.labels,
      status: 'ended' as const,
      startedAt: session.startedAt,
      endedAt: session.endedAt,
      duration,
      durationFormatted: formatDuration(duration),
    },
    analysis: {
      emotionSummary: summary,
      vadSummary:
        windows.length === 0
          ? null
          : {
              valence: rangeOf(windows.map((window) => window.valence)),
              arousal: rangeOf(windows.map((window) => window.arousal)),
              dominance: rangeOf(windows.map((window) => window.dominance)),
            },
      cbtSummary: { totalDistortions: 0, mostCommon: null },
      vadVector: vadOf(windows),
      overallAssessment: {
        keyObservations,
        emotionalState: summary?.emotionalState ?? null,
        disclaimer: DISCLAIMER[language],
      },
      recommendations: recommendations(summary, language),
    },
    emotionTimeline: windows.map((window) => ({
      window: window.window,
      timestamp: window.closedAt,
      relativeTime: window.closedAt - session.startedAt,
      emotion: window.emotion,
      confidence: window.confidence,
      uncertain: window.uncertain,
      source: window.source,
      frameCount: window.frameCount,
    })),
    vadTimeline: windows.map(({ closedAt, valence, arousal, dominance }) => ({
      timestamp: closedAt,
      valence,
      arousal,
      dominance,
    })),
    cbtFindings: [],
    statistics: {
      windows: windows.length,
      uncertainWindows: windows.filter((window) => window.uncertain).length,
      averageConfidence: rounded(mean(windows.map((window) => window.confidence))),
      framesAnalysed: windows.reduce((sum, window) => sum + window.frameCount, 0),
    },
    provenance: {
      analyzerVersion: unique(windows.map((window) => window.analyserVersion)).join(', '),
      models: unique(windows.map((window) => window.model)),
      windows: { total: windows.length, gemini, local: windows.length - gemini },
    },
  }
}

export type ReportContent = ReturnType<typeof buildReport>

/** The short form that is asked for at the end of a session. */
export function toSummary({ metadata, analysis }: ReportContent) {
  const primary = analysis.emotionSummary?.primaryEmotion
  return {
    sessionId: metadata.sessionId,
    status: metadata.status,
    startedAt: metadata.startedAt,
    endedAt: metadata.endedAt,
    duration: metadata.duration,
    vadVector: analysis.vadVector,
    keyObservations: analysis.overallAssessment.keyObservations,
    dominantEmotion:
      primary === undefined
        ? null
        : { emotion: primary.emotion, count: primary.count, percentage: primary.percentage },
    averageVoiceMetrics: null,
    cbt: {
      totalDistortions: analysis.cbtSummary.totalDistortions,
      mostCommon: analysis.cbtSummary.mostCommon,
    },
    recommendations: analysis.recommendations.map(({ description }) => description).slice(0, 3),
  }
}
