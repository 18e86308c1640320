import type { CrisisLine } from '../../../domain/crisis/lines.ts'
import type { Emotion } from '../../../domain/emotion.ts'
import type { ReportContent } from '../../../domain/report.ts'
import type { SessionStatus } from '../../../domain/session.ts'

/** A report as a document shows it; plain data that can be posted to another thread. */
export type PrintedReport = Omit<ReportContent, 'metadata'> & {
  readonly reportId: string | null
  readonly generatedAt: number
  /** Length of a window, ms. */
  readonly intervalMs: number
  /** Empty when no self-harm language was detected. */
  readonly crisisLines: readonly CrisisLine[]
  /** IANA name of the user's time zone, in which times are formatted. */
  readonly timezone: string
  readonly metadata: Omit<ReportContent['metadata'], 'status'> & { readonly status: SessionStatus }
}

/** One window as the charts draw it: from `from` to `to`, ms since the start. */
export type DrawnWindow = {
  readonly number: number
  readonly from: number
  readonly to: number
  readonly emotion: Emotion
  readonly uncertain: boolean
  readonly valence: number
  readonly arousal: number
  readonly dominance: number
}

/** The windows of a session, and its length in ms. */
export type DrawnSession = { readonly windows: readonly DrawnWindow[]; readonly durationMs: number }

/**
 * Merges the two timelines, which list the same windows in the same order. Windows begin at multiples of the interval
 * and may have closed early: the last one, and one that its owner closed at a handover.
 */
export function drawnWindows({ emotionTimeline, vadTimeline, intervalMs }: PrintedReport): DrawnWindow[] {
  return emotionTimeline.map(({ window, relativeTime, emotion, uncertain }, i) => {
    const { valence, arousal, dominance } = vadTimeline[i] ?? { valence: 0, arousal: 0, dominance: 0 }
    const from = Math.min((window - 1) * intervalMs, relativeTime)
    return { number: window, from, to: relativeTime, emotion, uncertain, valence, arousal, dominance }
  })
}
