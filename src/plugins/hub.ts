import fp from 'fastify-plugin'
import type { Intervention } from '../domain/cbt/distortion.ts'
import type { EmotionReading } from '../domain/emotion.ts'
import type { AnswerSource, EndReason, SessionStatus } from '../domain/session.ts'

/** One window's delivered answer, as every room knows it. */
export type WindowAnswer = {
  readonly window: number
  /** Close of the window, milliseconds since the epoch. */
  readonly closedAt: number
  readonly frameCount: number
  readonly reading: EmotionReading
  readonly source: AnswerSource
  readonly model: string
  readonly sttSnippet: string | null
  /** An exercise for the person that goes out with it. */
  readonly intervention: Intervention | null
}

/** Why a window that had frames gave no answer. */
export type SkipReason = 'paused' | 'no_valid_frame'

/** What rooms tell each other about a session. */
export type SessionEvent =
  | {
      readonly type: 'status_changed'
      readonly status: SessionStatus
      readonly at: number
      readonly reason: EndReason | null
    }
  | {
      readonly type: 'window_closed'
      readonly window: number
      readonly frameCount: number
      readonly at: number
    }
  | { readonly type: 'window_answered'; readonly answer: WindowAnswer }
  /** The model's answer came after the delivered one. */
  | { readonly type: 'window_refined'; readonly answer: WindowAnswer }
  /** The window has passed and nothing of it could be analysed. */
  | { readonly type: 'window_skipped'; readonly window: number; readonly reason: SkipReason }
  /** The session has ended and nothing of it is in flight any more. */
  | { readonly type: 'analysis_finished' }
  /** Its results are written as well: the report may be made. */
  | { readonly type: 'results_settled' }
  /** Its rows are gone, in whatever state it was: nothing of it is to be kept, sent or written. */
  | { readonly type: 'session_deleted' }

export type SessionListener = (sessionId: string, event: SessionEvent) => void

/** In-process announcements: a room that publishes does not know who listens. */
export function createHub(onListenerError: (error: unknown) => void) {
  const listeners = new Set<SessionListener>()
  return {
    publish(sessionId: string, event: SessionEvent): void {
      for (const listener of listeners) {
        try {
          listener(sessionId, event)
        } catch (error) {
          onListenerError(error)
        }
      }
    },
    subscribe(listener: SessionListener): void {
      listeners.add(listener)
    },
  }
}

export type Hub = ReturnType<typeof createHub>

declare module 'fastify' {
  interface FastifyInstance {
    hub: Hub
  }
}

export const hub = fp(
  (app, _options, done) => {
    app.decorate(
      'hub',
      createHub((error) => app.guard.report('hub', error)),
    )
    done()
  },
  { name: 'hub', dependencies: ['guard'] },
)
