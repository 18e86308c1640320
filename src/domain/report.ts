import type { Emotion } from './emotion.ts'
import type { Language } from './language.ts'
import { type ReportedFinding, summariseCbt, toCbtFindings } from './report/findings.ts'
import { averageMeasures, mean, meanVad, rangeOf, rounded, type Vad } from './report/numbers.ts'
import { putIntoWords } from './report/words.ts'
import type { AnswerSource } from './session.ts'
import { summarise } from './summary.ts'

/** What a report reads of one answered window. Late refinements are not part of it. */
export type ReportedWindow = Vad & {
  readonly window: number
  /** Close of the window, ms since the epoch. */
  readonly closedAt: number
  readonly emotion: Emotion
  readonly confidence: number
  readonly uncertain: boolean
  readonly source: AnswerSource
  readonly model: string
  readonly analyserVersion: string
  readonly frameCount: number
  /** Whether its update offered an exercise. */
  readonly offered: boolean
}

/** The rows of one session, each list in its order. */
export type ReportedRows = {
  readonly windows: readonly ReportedWindow[]
  /** Measures of the voice, one record a window. */
  readonly voice: readonly Readonly<Record<string, number>>[]
  readonly findings: readonly ReportedFinding[]
  /** Exchanges with the AI counsellor. */
  readonly conversations: number
}

export type ReportedSession = {
  readonly sessionId: string
  readonly labels: { readonly userId?: string | number; readonly counselorId?: string | number }
  readonly language: Language
  readonly startedAt: number
  readonly endedAt: number
}

/** `1:02:03` or `2:03`. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

const vadSummaryOf = (windows: readonly ReportedWindow[]) =>
  windows.length === 0
    ? null
    : {
        valence: rangeOf(windows.map((window) => window.valence)),
        arousal: rangeOf(windows.map((window) => window.arousal)),
        dominance: rangeOf(windows.map((window) => window.dominance)),
      }

const statisticsOf = ({ windows, voice, findings, conversations }: ReportedRows) => ({
  windows: windows.length,
  uncertainWindows: windows.filter((window) => window.uncertain).length,
  averageConfidence: rounded(mean(windows.map((window) => window.confidence))),
  framesAnalysed: windows.reduce((sum, window) => sum + window.frameCount, 0),
  voiceWindows: voice.length,
  averageVoiceMetrics: averageMeasures(voice),
  conversations,
  interventionsOffered: windows.filter((window) => window.offered).length,
  crisisFindings: findings.filter((finding) => finding.isCrisis).length,
})

/** Who looked, and how often. */
function provenanceOf(windows: readonly ReportedWindow[]) {
  const unique = (values: readonly string[]) => [...new Set(values)].sort()
  const gemini = windows.filter((window) => window.source === 'gemini').length
  return {
    analyzerVersion: unique(windows.map((window) => window.analyserVersion)).join(', '),
    models: unique(windows.map((window) => window.model)),
    windows: { total: windows.length, gemini, local: windows.length - gemini },
  }
}

/**
 * Everything a report says but its timelines, from the stored rows alone and always the same for the same rows.
 * Valence, arousal and dominance in [-1, 1], ratios and confidences in [0, 1], percentages 0 to 100, times in ms.
 */
export function buildKeptReport(session: ReportedSession, rows: ReportedRows) {
  const { windows, findings } = rows
  const duration = session.endedAt - session.startedAt
  const emotionSummary = summarise(windows)
  const cbtSummary = summariseCbt(findings)
  const statistics = statisticsOf(rows)
  return {
    metadata: {
      sessionId: session.sessionId,
      ...session.labels,
      status: 'ended' as const,
      language: session.language,
      startedAt: session.startedAt,
      endedAt: session.endedAt,
      duration,
      durationFormatted: formatDuration(duration),
    },
    analysis: {
      emotionSummary,
      vadSummary: vadSummaryOf(windows),
      cbtSummary,
      vadVector: meanVad(windows),
      ...putIntoWords(
        {
          emotionSummary,
          cbtSummary,
          windows: statistics.windows,
          uncertainWindows: statistics.uncertainWindows,
          crises: statistics.crisisFindings,
        },
        session.language,
      ),
    },
    cbtFindings: toCbtFindings(findings),
    statistics,
    provenance: provenanceOf(windows),
  }
}

/** Reports that were stored earlier have zeros where no window was analysed. */
const vadVectorOf = ({ analysis, statistics }: Pick<KeptReport, 'analysis' | 'statistics'>): Vad | null =>
  statistics.windows === 0 ? null : analysis.vadVector

/** What is stored of a report. Its timelines are in the rows of its windows, which stay as they are. */
export type KeptReport = ReturnType<typeof buildKeptReport>

/** The whole report, with the windows that it was made from. */
export function withTimelines(
  { metadata, analysis, ...rest }: KeptReport,
  windows: readonly ReportedWindow[],
) {
  return {
    metadata,
    analysis: { ...analysis, vadVector: vadVectorOf({ analysis, statistics: rest.statistics }) },
    emotionTimeline: windows.map((window) => ({
      window: window.window,
      timestamp: window.closedAt,
      relativeTime: window.closedAt - metadata.startedAt,
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
    ...rest,
  }
}

export const buildReport = (session: ReportedSession, rows: ReportedRows) =>
  withTimelines(buildKeptReport(session, rows), rows.windows)

export type ReportContent = ReturnType<typeof buildReport>

/** The same report with its sentences in another language; names and exercises of findings stay as they were given. */
export function inLanguage(content: ReportContent, language: Language): ReportContent {
  const { analysis, statistics } = content
  const { emotionSummary, cbtSummary } = analysis
  const { windows, uncertainWindows, crisisFindings: crises } = statistics
  const words = putIntoWords({ emotionSummary, cbtSummary, windows, uncertainWindows, crises }, language)
  return { ...content, metadata: { ...content.metadata, language }, analysis: { ...analysis, ...words } }
}

/** The short form that is asked for at the end of a session. */
export function toSummary({
  metadata,
  analysis,
  statistics,
}: Pick<KeptReport, 'metadata' | 'analysis' | 'statistics'>) {
  const primary = analysis.emotionSummary?.primaryEmotion
  return {
    sessionId: metadata.sessionId,
    status: metadata.status,
    startedAt: metadata.startedAt,
    endedAt: metadata.endedAt,
    duration: metadata.duration,
    vadVector: vadVectorOf({ analysis, statistics }),
    keyObservations: analysis.overallAssessment.keyObservations,
    dominantEmotion:
      primary === undefined
        ? null
        : { emotion: primary.emotion, count: primary.count, percentage: primary.percentage },
    averageVoiceMetrics: statistics.averageVoiceMetrics,
    cbt: {
      totalDistortions: analysis.cbtSummary.totalDistortions,
      mostCommon: analysis.cbtSummary.mostCommon,
    },
    recommendations: analysis.recommendations.map(({ description }) => description),
  }
}
