import type { CrisisLine } from '../../../domain/crisis/lines.ts'
import type { Emotion } from '../../../domain/emotion.ts'
import type { ReportContent } from '../../../domain/report.ts'
import type { SessionStatus } from '../../../domain/session.ts'

/** A report as a document shows it; plain data, so that it can be handed to another thread. */
export type PrintedReport = Omit<ReportContent, 'metadata'> & {
  readonly reportId: string | null
  readonly generatedAt: number
  /** Length of a window of the session, ms. */
  readonly intervalMs: number
  /** Empty when no words of self-harm were noticed. */
  readonly crisisLines: readonly CrisisLine[]
  /** Where the person lives: IANA name of the zone in which times are told. */
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

/**
 * The two timelines, which list the same windows in the same order, put together. Windows begin at whole intervals; any
 * may have closed early: the last, and one that an owner closed when it handed the session over.
 */
export function drawnWindows({ emotionTimeline, vadTimeline, intervalMs }: PrintedReport): DrawnWindow[] {
  return emotionTimeline.map(({ window, relativeTime, emotion, uncertain }, i) => {
    const { valence, arousal, dominance } = vadTimeline[i] ?? { valence: 0, arousal: 0, dominance: 0 }
    const from = Math.min((window - 1) * intervalMs, relativeTime)
    return { number: window, from, to: relativeTime, emotion, uncertain, valence, arousal, dominance }
  })
}
