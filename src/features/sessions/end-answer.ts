import type { SessionRow } from '../../db/session-row.ts'
import { summarise } from '../../domain/summary.ts'
import type { SessionsRepository } from './repository.ts'

/** An answer that is not stored yet. */
export type UnstoredWindow = Omit<
  Awaited<ReturnType<SessionsRepository['listWindows']>>[number],
  'modelOutcome'
> & { readonly modelOutcome?: string | null | undefined }

/** The response to the first `end`, which later calls return again. `windows`: all answered windows, in order. */
export function toEndAnswer(session: SessionRow, endedAt: Date, windows: readonly UnstoredWindow[]) {
  const gemini = windows.filter((window) => window.source === 'gemini').length
  return {
    sessionId: session.id,
    status: 'ended' as const,
    endedAt: endedAt.getTime(),
    duration: endedAt.getTime() - session.startedAt.getTime(),
    emotionCount: windows.length,
    emotionSummary: summarise(windows),
    inferenceStats: {
      total: windows.length,
      gemini,
      local: windows.length - gemini,
      timedOut: windows.filter((window) => window.modelOutcome === 'timed_out').length,
      averageLatencyMs:
        windows.length === 0
          ? null
          : Math.round(windows.reduce((sum, window) => sum + window.latencyMs, 0) / windows.length),
    },
  }
}
