import type { CrisisLine } from '../../../domain/crisis/lines.ts'
import type { Emotion } from '../../../domain/emotion.ts'
import type { Language } from '../../../domain/language.ts'
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
  readonly metadata: Omit<ReportContent['metadata'], 'status'> & { readonly status: SessionStatus }
}

/** Names the zone that it tells the time of: the server does not know where its reader is. */
const ZONES: Readonly<Record<Language, { readonly timeZone: string; readonly name: string }>> = {
  ko: { timeZone: 'Asia/Seoul', name: 'KST' },
  en: { timeZone: 'UTC', name: 'UTC' },
}

/** `2026년 3월 2일 09:05 (KST)`, `2 March 2026, 09:05 (UTC)`. */
export function formatTime(ms: number, language: Language): string {
  const { timeZone, name } = ZONES[language]
  const options = { timeZone, hourCycle: 'h23' } as const
  const day = new Intl.DateTimeFormat(language === 'ko' ? 'ko-KR' : 'en-GB', {
    ...options,
    dateStyle: 'long',
  }).format(ms)
  const time = new Intl.DateTimeFormat('en-GB', { ...options, hour: '2-digit', minute: '2-digit' }).format(ms)
  return language === 'ko' ? `${day} ${time} (${name})` : `${day}, ${time} (${name})`
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
