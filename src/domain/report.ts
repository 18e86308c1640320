import type { Emotion } from './emotion.ts'
import type { Language } from './language.ts'
import { type ReportedFinding, summariseCbt, toCbtFindings } from './report/findings.ts'
import { averageMeasures, mean, meanVad, computeRange, round4, type Vad } from './report/numbers.ts'
import { describeReport } from './report/words.ts'
import type { AnswerSource } from './session.ts'
import { summarise } from './summary.ts'

/** The fields of an answered window that a report uses. Late answers are not part of it. */
export type ReportedWindow = Vad & {
  readonly window: number
  /** When the window closed, ms since the epoch. */
  readonly closedAt: number
  readonly emotion: Emotion
  readonly confidence: number
  readonly uncertain: boolean
  readonly source: AnswerSource
  readonly model: string
  readonly analyserVersion: string
  readonly frameCount: number
  /** Whether an exercise was offered with the answer. */
  readonly offered: boolean
}

/** The rows of one session, each list in order. */
export type ReportedRows = {
  readonly windows: readonly ReportedWindow[]
  /** Voice measures, one record per window. */
  readonly voice: readonly Readonly<Record<string, number>>[]
  readonly findings: readonly ReportedFinding[]
  /** Number of exchanges with the AI counsellor. */
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
  const padTwo = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0
    ? `${hours}:${padTwo(minutes)}:${padTwo(seconds % 60)}`
    : `${minutes}:${padTwo(seconds % 60)}`
}

const summariseVad = (windows: readonly ReportedWindow[]) =>
  windows.length === 0
    ? null
    : {
        valence: computeRange(windows.map((window) => window.valence)),
        arousal: computeRange(windows.map((window) => window.arousal)),
        dominance: computeRange(windows.map((window) => window.dominance)),
      }

const computeStatistics = ({ windows, voice, findings, conversations }: ReportedRows) => ({
  windows: windows.length,
  uncertainWindows: windows.filter((window) => window.uncertain).length,
  averageConfidence: round4(mean(windows.map((window) => window.confidence))),
  framesAnalysed: windows.reduce((sum, window) => sum + window.frameCount, 0),
  voiceWindows: voice.length,
  averageVoiceMetrics: averageMeasures(voice),
  conversations,
  interventionsOffered: windows.filter((window) => window.offered).length,
  crisisFindings: findings.filter((finding) => finding.isCrisis).length,
})

/** The analysers and models that produced the windows. */
function getProvenance(windows: readonly ReportedWindow[]) {
  const unique = (values: readonly string[]) => [...new Set(values)].sort()
  const gemini = windows.filter((window) => window.source === 'gemini').length
  return {
    analyzerVersion: unique(windows.map((window) => window.analyserVersion)).join(', '),
    models: unique(windows.map((window) => window.model)),
    windows: { total: windows.length, gemini, local: windows.length - gemini },
  }
}

/**
 * Builds the stored part of a report: everything except the timelines. Depends on the stored rows only.
 * Valence, arousal and dominance in [-1, 1], ratios and confidences in [0, 1], percentages 0 to 100, times in ms.
 */
export function buildKeptReport(session: ReportedSession, rows: ReportedRows) {
  const { windows, findings } = rows
  const duration = session.endedAt - session.startedAt
  const emotionSummary = summarise(windows)
  const cbtSummary = summariseCbt(findings)
  const statistics = computeStatistics(rows)
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
      vadSummary: summariseVad(windows),
      cbtSummary,
      vadVector: meanVad(windows),
      ...describeReport(
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
    provenance: getProvenance(windows),
  }
}

/** Reports stored by earlier versions have zeros instead of null when no window was analysed. */
const getVadVector = ({ analysis, statistics }: Pick<KeptReport, 'analysis' | 'statistics'>): Vad | null =>
  statistics.windows === 0 ? null : analysis.vadVector

/** The stored part of a report. The timelines are read from the window rows, which do not change. */
export type KeptReport = ReturnType<typeof buildKeptReport>

/** Adds the timelines of the windows that the report was built from. */
export function addTimelines(
  { metadata, analysis, ...rest }: KeptReport,
  windows: readonly ReportedWindow[],
) {
  return {
    metadata,
    analysis: { ...analysis, vadVector: getVadVector({ analysis, statistics: rest.statistics }) },
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
  addTimelines(buildKeptReport(session, rows), rows.windows)

export type ReportContent = ReturnType<typeof buildReport>

/** Rebuilds the sentences in another language; names and exercises of findings stay as stored. */
export function translateReport(content: ReportContent, language: Language): ReportContent {
  const { analysis, statistics } = content
  const { emotionSummary, cbtSummary } = analysis
  const { windows, uncertainWindows, crisisFindings: crises } = statistics
  const words = describeReport({ emotionSummary, cbtSummary, windows, uncertainWindows, crises }, language)
  return { ...content, metadata: { ...content.metadata, language }, analysis: { ...analysis, ...words } }
}

/** The summary that clients request at the end of a session. */
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
    vadVector: getVadVector({ analysis, statistics }),
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
