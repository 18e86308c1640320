import { randomBytes } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { commitDurably } from '../../db/durable.ts'
import type { LockedSession, SessionRow } from '../../db/session-row.ts'
import type { Language } from '../../domain/language.ts'
import type { EndReason } from '../../domain/session.ts'
import { AppError } from '../../protocol/errors.ts'
import type { StatusChanged } from '../../protocol/session-events.ts'
import type { UnstoredWindow } from './end-answer.ts'
import { createEnds } from './ends.ts'
import { type Caller, createMoves, type Move, type Moved, requireOwn } from './moves.ts'
import type { SessionsRepository } from './repository.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: SessionsRepository
  readonly intervalMs: number
  /** Answers of the session in this process that are not stored yet, in order. */
  readonly listUnstored: (sessionId: string) => readonly UnstoredWindow[]
  /** Called after the commit. */
  readonly announce: (sessionId: string, change: StatusChanged) => void
  readonly announceDeleted: (sessionId: string) => void
  /** The user has deleted the session. */
  readonly onErased: (sessionId: string) => void
}

/** At least 128 random bits: on a socket the id is the only credential. */
const newSessionId = () => `sess_${randomBytes(24).toString('base64url')}`

export const SESSION_ID = /^sess_[\w-]{22,59}$/

export function createSessionService(dependencies: Dependencies) {
  const { database, repository, intervalMs, announce } = dependencies
  const { orm } = database
  const move = createMoves({ repository, listUnstored: dependencies.listUnstored })

  const assertSessionId = (id: string) => {
    if (!SESSION_ID.test(id)) throw new AppError('SESSION_NOT_FOUND')
  }

  /** Called after the commit, never before. */
  const announceMove = ({ session, change }: Moved) => {
    if (change !== undefined) announce(session.id, change)
  }

  const execute = async (command: Move) => {
    assertSessionId(command.id)
    const moved = await orm.transaction((tx) => move(tx, command))
    announceMove(moved)
    return moved.session
  }

  return {
    ...createEnds({ orm, repository, move, announceMove, execute }),

    async start(
      who: { userId: number; familyId: string },
      labels: { userId?: string | number; counselorId?: string | number },
      /** Used if the user has set none. */
      language: Language,
    ): Promise<SessionRow> {
      const session = await orm.transaction(async (tx) => {
        // An access token outlives its device's login by some minutes and must not start a session then.
        if (!(await repository.lockLiveFamily(tx, who))) throw new AppError('INVALID_TOKEN')
        const { userId, familyId } = who
        return repository.insert(tx, { id: newSessionId(), userId, familyId, labels, intervalMs, language })
      })
      if (session === undefined) throw new Error('the insert of a session returned no row')
      return session
    },

    pause: (id: string, caller: Caller) => execute({ id, caller, command: 'pause', reason: 'requested' }),
    resume: (id: string, caller: Caller) => execute({ id, caller, command: 'resume', reason: 'requested' }),

    /** Ends the session and returns the first response to `end`. Never waits for a model. */
    async end(id: string, caller: Caller, reason: EndReason = 'requested'): Promise<Record<string, unknown>> {
      const session = await execute({ id, caller, command: 'end', reason })
      if (session.endAnswer === null) throw new Error('an ended session has no stored answer')
      return session.endAnswer
    },

    /** Deletes the session and all its rows, in any state. */
    async delete(id: string, userId: number): Promise<void> {
      assertSessionId(id)
      const isErased = await commitDurably(orm, (tx) => repository.delete(tx, id, userId))
      if (!isErased) throw new AppError('SESSION_NOT_FOUND')
      dependencies.announceDeleted(id)
      dependencies.onErased(id)
    },

    /** The session as a caller may see it, with the number of its stored windows. */
    async get(id: string, caller: Caller) {
      assertSessionId(id)
      const { session, now } = requireOwn(await repository.find(orm, id), caller)
      const emotionCount = await repository.countWindows(orm, id)
      const until = session.endedAt ?? now
      return { session, emotionCount, durationMs: until.getTime() - session.startedAt.getTime() }
    },

    /** For the sockets: the row and the database time; undefined when the session does not exist. */
    find: async (id: string): Promise<LockedSession | undefined> =>
      SESSION_ID.test(id) ? repository.find(orm, id) : undefined,

    /** Deletes up to `limit` expired devices, one instance at a time. Returns their number. */
    forgetDevices: (limit: number): Promise<number> =>
      orm.transaction(async (tx) =>
        (await repository.lockSweep(tx)) ? repository.deleteExpiredFamilies(tx, limit) : 0,
      ),

    /** Deletes up to `limit` sessions of the user, in any state. Returns their number. */
    async deleteOfUser(userId: number, limit: number): Promise<number> {
      const ids = await repository.deleteOfUser(orm, userId, limit)
      for (const id of ids) dependencies.announceDeleted(id)
      return ids.length
    },
  }
}

export type SessionService = ReturnType<typeof createSessionService>
