import type { Orm } from '../../db/orm.ts'
import type { EndReason } from '../../domain/session.ts'
import { AppError } from '../../protocol/errors.ts'
import type { Move, Moved } from './moves.ts'
import type { SessionsRepository } from './repository.ts'

type Dependencies = {
  readonly orm: Orm
  readonly repository: SessionsRepository
  /** Moves a session within a transaction of the caller. */
  readonly move: (tx: Orm, move: Move) => Promise<Moved>
  /** Called after the commit, never before. */
  readonly announceMove: (moved: Moved) => void
  /** Moves a session in its own transaction and announces the change. */
  readonly execute: (move: Move) => Promise<unknown>
}

/** Ends that no caller requested for one session: of a user, of devices, and after a time without activity. */
export function createEnds({ orm, repository, move, announceMove, execute }: Dependencies) {
  /** Ends each session. Throws the first failure after all have been tried. */
  const endEach = async (ids: readonly string[], reason: EndReason): Promise<void> => {
    const failures: unknown[] = []
    for (const id of ids) {
      try {
        await execute({ id, caller: 'capability', command: 'end', reason })
      } catch (error) {
        // Deleted meanwhile.
        if (!(error instanceof AppError && error.code === 'SESSION_NOT_FOUND')) failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  return {
    /**
     * Ends up to `limit` sessions without activity for `quietMs`, in one transaction. Only one instance at a time does
     * this; the others return 0. Returns the number of ended sessions.
     */
    async endAbandoned(quietMs: number, limit: number): Promise<number> {
      const ended = await orm.transaction(async (tx) => {
        if (!(await repository.lockSweep(tx))) return []
        const moves: Moved[] = []
        for (const id of await repository.listAbandoned(tx, quietMs, limit)) {
          moves.push(await move(tx, { id, caller: 'capability', command: 'end', reason: 'abandoned' }))
        }
        return moves
      })
      for (const moved of ended) announceMove(moved)
      return ended.length
    },

    /** Ends every live session of the user. */
    async endOfUser(userId: number, reason: EndReason): Promise<void> {
      await endEach(await repository.listLiveOfUser(orm, userId), reason)
    },

    /** Ends up to `limit` sessions whose device is no longer logged in. */
    async endOfDeadFamilies(limit: number): Promise<void> {
      await endEach(await repository.listLiveOfDeadFamilies(orm, limit), 'logged_out')
    },

    /** Ends the sessions of these devices, which were logged out. */
    async endOfFamilies(familyIds: readonly string[]): Promise<void> {
      if (familyIds.length === 0) return
      await endEach(await repository.listLiveOfFamilies(orm, familyIds), 'logged_out')
    },
  }
}
