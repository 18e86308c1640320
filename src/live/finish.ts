import { type EndReason, revokesAnalysis } from '../domain/session.ts'

/** What writes results of a session in the background. */
type Writer = {
  /** Resolves when no result of the session waits to be written, however long that takes. */
  readonly settled: (sessionId: string) => Promise<void>
}

type Dependencies = {
  /** Drops all that is not stored yet; nothing more of the session is analysed, stored or sent here. */
  readonly discard: (sessionId: string) => void
  /** Closes the open window early and resolves when its answer is delivered, within the grace. */
  readonly closeWindow: (sessionId: string) => Promise<void>
  /** `isForgotten`: what was heard of the open window is neither measured nor stored. */
  readonly voice: Writer & { readonly finish: (sessionId: string, isForgotten: boolean) => void }
  readonly conversation: Writer & { readonly finish: (sessionId: string) => void }
  readonly windows: Writer
  /** Its last answer is out: its sockets close. */
  readonly announceFinished: (sessionId: string) => void
  readonly makeReport: (sessionId: string) => Promise<void>
  readonly carryBaseline: (sessionId: string) => Promise<void>
  readonly releaseLease: (sessionId: string) => Promise<void>
  readonly onFailed: (step: string, sessionId: string, error: unknown) => void
}

/**
 * The end of a session in this process, in order. Runs on each instance that learns of the end; where the session was
 * not served the first steps find nothing. Never rejects: a step that fails is reported, and the next one follows.
 */
export function createFinish(dependencies: Dependencies) {
  const { voice, conversation, windows, onFailed } = dependencies

  return async (sessionId: string, reason: EndReason | null): Promise<void> => {
    const attempt = async (step: string, work: () => void | Promise<void>): Promise<void> => {
      try {
        await work()
      } catch (error) {
        onFailed(step, sessionId, error)
      }
    }
    const isForgotten = reason === 'consent_withdrawn'
    void attempt('voice', () => voice.finish(sessionId, isForgotten))
    void attempt('conversation', () => conversation.finish(sessionId))
    if (revokesAnalysis(reason)) {
      void attempt('results', () => dependencies.discard(sessionId))
      // First: nothing that is in progress may act under the lease any longer.
      await attempt('lease', () => dependencies.releaseLease(sessionId))
    }
    await attempt('last window', () => dependencies.closeWindow(sessionId))
    await attempt('sockets', () => dependencies.announceFinished(sessionId))
    // However long the database is away: a report that is made before the last rows are stored would lack them.
    await attempt('results', async () => {
      await Promise.all([windows, voice, conversation].map((writer) => writer.settled(sessionId)))
    })
    // Before the report: a client that has it may start the next session.
    await attempt('baseline', () => dependencies.carryBaseline(sessionId))
    await attempt('report', () => dependencies.makeReport(sessionId))
    await attempt('lease', () => dependencies.releaseLease(sessionId))
  }
}
