import { buildReport, type ReportedWindow, toSummary } from '../../domain/report.ts'

const STARTED_AT = 1_772_409_900_000
const INTERVAL_MS = 10_000

const window = (
  number: number,
  more: Pick<ReportedWindow, 'emotion' | 'valence' | 'arousal' | 'dominance'>,
) => ({
  window: number,
  closedAt: STARTED_AT + number * INTERVAL_MS,
  confidence: 0.82,
  uncertain: false,
  source: 'local' as const,
  model: 'local-2',
  analyserVersion: 'local-2',
  frameCount: 40,
  offered: false,
  ...more,
})

const content = buildReport(
  {
    sessionId: 'sess_Yw1rQmX0b6Jt9cKf2sVhLu8ZpNe4dGao',
    labels: { userId: 'user-1', counselorId: 7 },
    language: 'ko',
    startedAt: STARTED_AT,
    endedAt: STARTED_AT + 2 * INTERVAL_MS,
  },
  {
    windows: [
      window(1, { emotion: 'sad', valence: -0.52, arousal: -0.2, dominance: -0.31 }),
      window(2, { emotion: 'happy', valence: 0.7, arousal: 0.45, dominance: 0.4 }),
    ],
    voice: [{ speechRatio: 0.42 }],
    findings: [],
    conversations: 1,
  },
)

/** Examples for the documents, built by the same code as real reports. */
export const SUMMARY_EXAMPLE = toSummary(content)
export const REPORT_EXAMPLE = {
  reportId: 'rep_9mZbT3xQvW1sKc7dRf5hJg',
  generatedAt: STARTED_AT + 2 * INTERVAL_MS + 900,
  version: 3,
  ...content,
  crisisLines: [],
}
