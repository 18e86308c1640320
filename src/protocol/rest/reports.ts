import type { Readable } from 'node:stream'
import { Type } from 'typebox'
import { DISTORTION_TYPES, SEVERITIES } from '../../domain/cbt/distortion.ts'
import type { CrisisLine } from '../../domain/crisis/lines.ts'
import { EMOTIONS } from '../../domain/emotion.ts'
import { LANGUAGES } from '../../domain/language.ts'
import type { CbtFinding } from '../../domain/report/findings.ts'
import { ANSWER_SOURCES } from '../../domain/session.ts'
import {
  Axis,
  Count,
  EmotionLabel,
  EmotionSummary,
  Intervention,
  Nullable,
  Ratio,
  Status,
  Time,
} from '../common-schemas.ts'
import { Success } from '../envelope.ts'
import { REPORT_EXAMPLE, SUMMARY_EXAMPLE } from './report-examples.ts'

export const CSV_KINDS = ['emotion', 'vad'] as const
export type CsvKind = (typeof CSV_KINDS)[number]

/** Base64url of four bytes, the window number: every cursor of this shape is valid. */
const CURSOR_PATTERN = '^[A-Za-z0-9_-]{6}$'

const VadVector = Nullable(
  Type.Object(
    { valence: Axis, arousal: Axis, dominance: Axis },
    { description: 'Mean of all windows; null without any analysed window.' },
  ),
)
const Range = Type.Object({ average: Axis, minimum: Axis, maximum: Axis })
const Label = Type.Union([Type.String(), Type.Number()])
const MostCommon = Nullable(Type.Enum([...DISTORTION_TYPES]))
const VoiceMetrics = Nullable(Type.Record(Type.String(), Type.Number()))
const Offset = Type.Integer({ description: 'Milliseconds since the start of the session.' })

/** One distortion as stored and returned. */
export const Detection = Type.Object({
  type: Type.Enum([...DISTORTION_TYPES]),
  name_ko: Type.String(),
  name_en: Type.Optional(Type.String()),
  severity: Type.Enum([...SEVERITIES]),
  confidence: Ratio,
  examples: Type.Array(Type.String()),
})

/** A malformed id is not found, like an unknown one. */
export const ReportParams = Type.Object({ id: Type.String() })
export const PdfQuery = Type.Object({
  language: Type.Optional(
    Type.Enum([...LANGUAGES], {
      description: 'Default: the language of the session.',
      examples: ['en'],
    }),
  ),
})
export const CsvQuery = Type.Object({
  kind: Type.Optional(Type.Enum([...CSV_KINDS], { description: 'Default: `emotion`.', examples: ['vad'] })),
})
export const TimelineQuery = Type.Object({
  cursor: Type.Optional(
    Type.String({
      pattern: CURSOR_PATTERN,
      description: '`nextCursor` of the previous page.',
      examples: ['AAAAZA'],
    }),
  ),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 500,
      description: 'Windows per page; default 100.',
      examples: [100],
    }),
  ),
})

/** A response body other than JSON. */
const File = (mediaType: string, description: string) => ({
  description,
  content: { [mediaType]: { schema: Type.Unsafe<Readable>(Type.String()) } },
})
export const PdfResponse = File('application/pdf', 'The document, A4')
export const CsvResponse = File('text/csv', 'UTF-8 with byte order mark, one line per analysed window')

export const SummaryResponse = Success(
  Type.Object(
    {
      sessionId: Type.String(),
      status: Status,
      startedAt: Time,
      endedAt: Nullable(Time),
      duration: Count,
      vadVector: VadVector,
      keyObservations: Type.Array(Type.String()),
      dominantEmotion: Nullable(
        Type.Object({ emotion: EmotionLabel, count: Count, percentage: Type.Number() }),
      ),
      averageVoiceMetrics: VoiceMetrics,
      cbt: Type.Object({ totalDistortions: Count, mostCommon: MostCommon }),
      recommendations: Type.Array(Type.String(), { maxItems: 3 }),
    },
    { examples: [SUMMARY_EXAMPLE] },
  ),
)

/** Typed like the domain type, whose lists are read-only. */
const Findings = Type.Unsafe<readonly CbtFinding[]>(
  Type.Array(
    Type.Object({
      timestamp: Time,
      hasDistortions: Type.Boolean(),
      needsIntervention: Type.Boolean({ description: 'True exactly when there is an intervention.' }),
      detections: Type.Array(Detection),
      intervention: Type.Optional(Intervention),
    }),
  ),
)

const MAX_LINES = 100
const Lines = Type.Unsafe<readonly CrisisLine[]>(
  Type.Array(Type.Object({ name: Type.String(), number: Type.String() }), {
    maxItems: MAX_LINES,
    description: 'Crisis lines, to be displayed at once. Empty unless self-harm was mentioned.',
  }),
)

export const ReportResponse = Success(
  Type.Object(
    {
      reportId: Nullable(Type.String()),
      generatedAt: Time,
      version: Count,
      metadata: Type.Object({
        sessionId: Type.String(),
        userId: Type.Optional(Label),
        counselorId: Type.Optional(Label),
        status: Status,
        language: Type.Enum([...LANGUAGES]),
        startedAt: Time,
        endedAt: Time,
        duration: Count,
        durationFormatted: Type.String(),
      }),
      analysis: Type.Object({
        emotionSummary: Nullable(EmotionSummary),
        vadSummary: Nullable(Type.Object({ valence: Range, arousal: Range, dominance: Range })),
        cbtSummary: Type.Object({
          totalDistortions: Count,
          mostCommon: MostCommon,
          distortions: Type.Array(
            Type.Object({
              type: Type.Enum([...DISTORTION_TYPES]),
              name_ko: Type.String(),
              name_en: Type.String(),
              count: Count,
            }),
          ),
        }),
        vadVector: VadVector,
        overallAssessment: Type.Object({
          keyObservations: Type.Array(Type.String()),
          emotionalState: Nullable(Type.String()),
          disclaimer: Type.String(),
          forCounsellor: Type.Object({
            isFlagged: Type.Boolean({ description: 'Whether self-harm was mentioned.' }),
            crisisCount: Count,
            note: Nullable(Type.String()),
          }),
        }),
        recommendations: Type.Array(
          Type.Object({
            priority: Type.Enum(['high', 'medium', 'low']),
            category: Type.String(),
            title: Type.String(),
            description: Type.String(),
          }),
          { maxItems: 3 },
        ),
      }),
      emotionTimeline: Type.Array(
        Type.Object({
          window: Count,
          timestamp: Time,
          relativeTime: Offset,
          emotion: EmotionLabel,
          confidence: Ratio,
          uncertain: Type.Boolean(),
          source: Type.Enum([...ANSWER_SOURCES]),
          frameCount: Count,
        }),
      ),
      vadTimeline: Type.Array(
        Type.Object({ timestamp: Time, valence: Axis, arousal: Axis, dominance: Axis }),
      ),
      cbtFindings: Findings,
      crisisLines: Lines,
      statistics: Type.Object({
        windows: Count,
        uncertainWindows: Count,
        averageConfidence: Ratio,
        framesAnalysed: Count,
        voiceWindows: Count,
        averageVoiceMetrics: VoiceMetrics,
        conversations: Count,
        interventionsOffered: Count,
        crisisFindings: Count,
      }),
      provenance: Type.Object({
        analyzerVersion: Type.String(),
        models: Type.Array(Type.String()),
        windows: Type.Object({ total: Count, gemini: Count, local: Count }),
      }),
    },
    { examples: [REPORT_EXAMPLE] },
  ),
)

const [SHOWN] = REPORT_EXAMPLE.emotionTimeline
const TIMELINE_EXAMPLE = {
  ...SHOWN,
  ...REPORT_EXAMPLE.vadTimeline[0],
  framesReceived: 98,
  scores: Object.fromEntries(EMOTIONS.map((label) => [label, label === SHOWN?.emotion ? 0.86 : 0.02])),
  model: 'local-2',
  modelOutcome: null,
  latencyMs: 7,
}

export const TimelineResponse = Success(
  Type.Object(
    {
      windows: Type.Array(
        Type.Object({
          window: Count,
          timestamp: Time,
          relativeTime: Offset,
          framesReceived: Count,
          frameCount: Type.Integer({ minimum: 1, description: 'Frames analysed.' }),
          emotion: EmotionLabel,
          confidence: Ratio,
          uncertain: Type.Boolean(),
          scores: Type.Object(Object.fromEntries(EMOTIONS.map((label) => [label, Ratio]))),
          valence: Axis,
          arousal: Axis,
          dominance: Axis,
          source: Type.Enum([...ANSWER_SOURCES]),
          model: Type.String(),
          modelOutcome: Nullable(
            Type.String({
              description: '`answered`, or why there is no answer of a model; null when no model was called.',
            }),
          ),
          latencyMs: Count,
        }),
      ),
      nextCursor: Nullable(Type.String()),
    },
    { examples: [{ windows: [TIMELINE_EXAMPLE], nextCursor: 'AAAAAQ' }] },
  ),
)
