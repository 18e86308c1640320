import { LRUCache } from 'lru-cache'
import type { Language } from '../../domain/language.ts'
import type { SessionStatus } from '../../domain/session.ts'
import { within } from '../../lib/deadline.ts'
import type { ConversationContext } from './counsellor.ts'
import type { Exchange, RecentEmotion } from './prompt.ts'
import { entryLimit } from '../../lib/entry-limit.ts'

export type ContextDependencies = {
  readonly findSession: (
    id: string,
  ) => Promise<{ readonly status: SessionStatus; readonly language: Language } | undefined>
  /** Oldest first. */
  readonly listRecentEmotions: (sessionId: string) => Promise<readonly RecentEmotion[]>
  readonly listExchanges: (sessionId: string) => Promise<readonly Exchange[]>
  readonly onFailure: (error: unknown) => void
}

const REMEMBERED_SESSIONS = 10_000
const RECENT_EMOTIONS = 5
/** Limit for the queries before an answer; after it, the answer is made without their data. */
const CONTEXT_MS = 800

/** The data of sessions that answers use, as far as the database returns them in time. */
export function createContexts(dependencies: ContextDependencies) {
  const { onFailure } = dependencies
  const recentEmotions = new LRUCache<string, readonly RecentEmotion[]>({
    ...entryLimit(REMEMBERED_SESSIONS),
  })

  /** The result of the query, or `fallback` if it fails or is late. */
  const queryOr = async <T>(query: Promise<T>, fallback: T): Promise<T> => {
    const result = await within(
      query.catch((error: unknown) => (onFailure(error), fallback)),
      CONTEXT_MS,
    )
    return result === 'late' ? fallback : result
  }

  return {
    queryOr,

    load: async (
      sessionId: string,
      language: Language,
    ): Promise<ConversationContext & { status: SessionStatus }> => {
      const [session, stored, history] = await Promise.all([
        queryOr(dependencies.findSession(sessionId), undefined),
        queryOr(dependencies.listRecentEmotions(sessionId), []),
        queryOr(dependencies.listExchanges(sessionId), []),
      ])
      // The newest windows may not be stored yet.
      const byWindow = new Map(
        [...stored, ...(recentEmotions.get(sessionId) ?? [])].map((one) => [one.window, one]),
      )
      const recent = [...byWindow.values()].sort((a, b) => a.window - b.window).slice(-RECENT_EMOTIONS)
      return { status: session?.status ?? 'active', language: session?.language ?? language, recent, history }
    },

    /** Remembers the emotion of a window that may not be stored yet. */
    noteEmotion: (sessionId: string, emotion: RecentEmotion): void => {
      recentEmotions.set(
        sessionId,
        [...(recentEmotions.get(sessionId) ?? []), emotion].slice(-RECENT_EMOTIONS),
      )
    },
  }
}
