import { within } from '../../lib/deadline.ts'

/** Requests that wait for the report of a session. */
export function createNews() {
  const waiting = new Map<string, Set<() => void>>()

  return {
    wake: (sessionId: string): void => {
      for (const resolve of waiting.get(sessionId) ?? []) resolve()
    },

    /** Resolves when the session is woken or after `ms`. */
    async wait(sessionId: string, ms: number): Promise<void> {
      const resolvers = waiting.get(sessionId) ?? new Set()
      waiting.set(sessionId, resolvers)
      let resolve: () => void = () => undefined
      const news = new Promise<void>((done) => {
        resolve = done
      })
      resolvers.add(resolve)
      await within(news, ms)
      resolvers.delete(resolve)
      if (resolvers.size === 0) waiting.delete(sessionId)
    },
  }
}
