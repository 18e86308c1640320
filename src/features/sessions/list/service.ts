import type { Database } from '../../../db/client.ts'
import { AppError } from '../../../protocol/errors.ts'
import { PAGE_LENGTH, RECENT } from '../../../protocol/rest/sessions.ts'
import type { SessionListRepository } from './repository.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: SessionListRepository
}

type Listed = Awaited<ReturnType<SessionListRepository['listRecent']>>[number]

const toListed = (session: Listed) => ({
  ...session,
  startedAt: session.startedAt.toISOString(),
  durationMs: Math.max(0, Math.round(session.durationMs)),
})

const NO_SESSIONS = { total: 0, active: 0, paused: 0, ended: 0, averageMs: 0 }

/** Lists of a user's sessions. */
export function createSessionListService({ database, repository }: Dependencies) {
  const { orm } = database
  return {
    async statistics(userId: number) {
      const rows = await repository.listWithStatistics(orm, userId, RECENT)
      const { averageMs, ...counts } = rows[0]?.statistics ?? NO_SESSIONS
      return {
        ...counts,
        avgDuration: Math.round(averageMs),
        recentSessions: rows.map(({ session }) => toListed(session)),
      }
    },

    /** All sessions, page by page; `cursor` is the last session of the previous page. */
    async page(userId: number, { cursor, limit = PAGE_LENGTH }: { cursor?: string; limit?: number }) {
      const rows =
        cursor === undefined
          ? await repository.listRecent(orm, userId, limit + 1)
          : await repository.listOlder(orm, userId, cursor, limit + 1)
      if (rows.length === 0 && cursor !== undefined && !(await repository.isOwn(orm, userId, cursor)))
        throw new AppError('INVALID_CURSOR')
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      return {
        sessions: page.map(toListed),
        nextCursor: rows.length > limit && last !== undefined ? last.id : null,
      }
    },
  }
}

export type SessionListService = ReturnType<typeof createSessionListService>
