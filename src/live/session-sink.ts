import type { SkipReason } from '../protocol/session-events.ts'
import type { ModelAnswer } from './model/analyser.ts'
import type { AnsweredWindow, MeasuredWindow } from './windows/answer.ts'

/** What the session reports to its scheduler, in window order. */
export type SessionSink = {
  /** A window with valid frames has closed; `asked` when a model has been asked about it. */
  readonly closed: (window: MeasuredWindow, asked: boolean) => void
  /**
   * The window's one outcome, which may wait so long for its row. Resolves when the session may go on to the next; false
   * when it was another owner's to give.
   */
  readonly answered: (answer: AnsweredWindow, patienceMs: number) => Promise<boolean>
  /** The model's call has ended after the window had been answered without it. */
  readonly late: (window: AnsweredWindow, answer: ModelAnswer) => void
  /** A window that had frames and no result; without a reason no notice is sent. */
  readonly skipped: (window: number, frames: number, reason: SkipReason | null) => void
  /** A fault of ours in a window, or in a calibration (null). The session goes on without it. Never throws. */
  readonly failed: (window: number | null, error: unknown) => void
}
