import { commitDurably } from '../../db/durable.ts'
import { randomBytes } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import type { Orm } from '../../db/orm.ts'
import type { Language } from '../../domain/language.ts'
import {
  type EndReason,
  isTakenBack,
  type SessionCommand,
  type SessionStatus,
  transition,
} from '../../domain/session.ts'
import { summarise } from '../../domain/summary.ts'
import { AppError } from '../../errors.ts'
import type { LockedSession, SessionRow, SessionsRepository, StatusChange } from './repository.ts'

/** Who asks: a user by token, or the holder of the session's id (its sockets cannot carry a token). */
export type Asker = { readonly userId: number } | 'capability'

type Moved = { readonly session: SessionRow; readonly change: StatusChanged | undefined }

export type StatusChanged = {
  readonly status: SessionStatus
  readonly at: number
  readonly reason: EndReason | null
}

/** A window's answer that waits to be stored. */
export type UnstoredWindow = Omit<
  Awaited<ReturnType<SessionsRepository['listWindows']>>[number],
  'modelOutcome'
> & { readonly modelOutcome?: string | null | undefined }

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: SessionsRepository
  readonly intervalMs: number
  /** Answers of the session that are known here and wait to be stored, in order. */
  readonly listUnstored: (sessionId: string) => readonly UnstoredWindow[]
  /** Told after the commit. */
  readonly announce: (sessionId: string, change: StatusChanged) => void
  readonly announceDeleted: (sessionId: string) => void
}

/** At least 128 random bits: on a socket the id is all that its holder has to show. */
const newSessionId = () => `sess_${randomBytes(24).toString('base64url')}`

export const SESSION_ID = /^sess_[\w-]{22,59}$/

/** Of changes that waited for each other, the later may have begun first: times of one session always rise. */
const timeOfChange = ({ pausedAt, resumedAt }: SessionRow, now: Date): Date => {
  const last = Math.max(pausedAt?.getTime() ?? 0, resumedAt?.getTime() ?? 0)
  return new Date(Math.max(now.getTime(), last + 1))
}

export function createSessionService(dependencies: Dependencies) {
  const { database, repository, intervalMs, announce } = dependencies
  const { orm } = database

  const owned = (found: LockedSession | undefined, asker: Asker): LockedSession => {
    const mine = found !== undefined && (asker === 'capability' || found.session.userId === asker.userId)
    if (!mine) throw new AppError('SESSION_NOT_FOUND')
    return found
  }
  const known = (id: string) => {
    if (!SESSION_ID.test(id)) throw new AppError('SESSION_NOT_FOUND')
  }

  /** What the first `end` says, and every later one repeats. */
  const endAnswerOf = async (on: Orm, session: SessionRow, endedAt: Date, reason: EndReason) => {
    // One that waited for the session's row may be older than a window that has closed since: that is not stored either.
    const isBeforeEnd = ({ window }: UnstoredWindow) =>
      reason === 'abandoned' ||
      session.startedAt.getTime() + (window - 1) * session.intervalMs < endedAt.getTime()
    // Asked for first: what is stored in between is found twice, and counts once.
    const unstored = dependencies.listUnstored(session.id).filter(isBeforeEnd)
    const stored = await repository.listWindows(on, session.id)
    const byNumber = new Map<number, UnstoredWindow>([...stored, ...unstored].map((one) => [one.window, one]))
    const windows = [...byNumber.values()].sort((a, b) => a.window - b.window)
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

  const changeFor = async (on: Orm, session: SessionRow, to: SessionStatus, now: Date, reason: EndReason) => {
    if (to === 'paused') return { status: to, pausedAt: now } satisfies StatusChange
    if (to === 'active') return { status: to, resumedAt: now } satisfies StatusChange
    const endAnswer = await endAnswerOf(on, session, now, reason)
    const end = { status: to, endedAt: now, endReason: reason, endAnswer } satisfies StatusChange
    if (!isTakenBack(reason)) return end
    const unowned = { leaseEpoch: session.leaseEpoch + 1, leaseOwner: null, leaseUntil: null }
    return { ...end, ...unowned } satisfies StatusChange
  }

  /** Lock, check, move. Asking for the state it is in already changes nothing; an end is announced once more. */
  const move = async (
    tx: Orm,
    id: string,
    asker: Asker,
    word: SessionCommand,
    reason: EndReason,
  ): Promise<Moved> => {
    const { session: before, now } = owned(await repository.lock(tx, id), asker)
    const step = transition(before.status, word)
    if (step.kind === 'refuse') throw new AppError('SESSION_ENDED')
    if (step.kind === 'stay') {
      const { status, endedAt, endReason } = before
      // The announcement of the first end may have been lost with its answer.
      const end = endedAt === null ? undefined : { status, at: endedAt.getTime(), reason: endReason }
      return { session: before, change: end }
    }
    // Who is taken for gone went when they were last seen.
    const leftAt = reason === 'abandoned' ? await repository.lastSignOf(tx, id) : undefined
    const at = timeOfChange(before, leftAt ?? now)
    const change = await changeFor(tx, before, step.to, at, reason)
    await repository.update(tx, id, change)
    const session = { ...before, ...change }
    return { session, change: { status: step.to, at: at.getTime(), reason: session.endReason } }
  }

  /** Told after the commit, never before. */
  const tell = ({ session, change }: Moved) => {
    if (change !== undefined) announce(session.id, change)
  }

  const command = async (id: string, asker: Asker, word: SessionCommand, reason: EndReason = 'requested') => {
    known(id)
    const moved = await orm.transaction((tx) => move(tx, id, asker, word, reason))
    tell(moved)
    return moved.session
  }

  /** Ends each of the sessions, whatever becomes of the others; throws the first failure when all have been tried. */
  const endEach = async (ids: readonly string[], reason: EndReason): Promise<void> => {
    const failures: unknown[] = []
    for (const id of ids) {
      try {
        await command(id, 'capability', 'end', reason)
      } catch (error) {
        // One that was deleted meanwhile has nothing left to end.
        if (!(error instanceof AppError && error.code === 'SESSION_NOT_FOUND')) failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  return {
    async start(
      who: { userId: number; familyId: string },
      labels: { userId?: string | number; counselorId?: string | number },
      /** For whoever has set none. */
      language: Language,
    ): Promise<SessionRow> {
      const session = await orm.transaction(async (tx) => {
        // An access token outlives its device's login for some minutes: nothing may begin with it then.
        if (!(await repository.lockLiveFamily(tx, who))) throw new AppError('INVALID_TOKEN')
        const { userId, familyId } = who
        return repository.insert(tx, { id: newSessionId(), userId, familyId, labels, intervalMs, language })
      })
      if (session === undefined) throw new Error('the insert of a session returned no row')
      return session
    },

    pause: (id: string, asker: Asker) => command(id, asker, 'pause'),
    resume: (id: string, asker: Asker) => command(id, asker, 'resume'),

    /** Ends the session and returns the first answer that was ever given to this. Never waits on a model. */
    async end(id: string, asker: Asker, reason: EndReason = 'requested'): Promise<Record<string, unknown>> {
      const session = await command(id, asker, 'end', reason)
      if (session.endAnswer === null) throw new Error('an ended session has no stored answer')
      return session.endAnswer
    },

    /** Erases the session and all that hangs on it, in whatever state it is. */
    async delete(id: string, userId: number): Promise<void> {
      known(id)
      const isErased = await commitDurably(orm, (tx) => repository.delete(tx, id, userId))
      if (!isErased) throw new AppError('SESSION_NOT_FOUND')
      dependencies.announceDeleted(id)
    },

    /** The session as a caller may see it, with the number of its stored windows. */
    async get(id: string, asker: Asker) {
      known(id)
      const { session, now } = owned(await repository.find(orm, id), asker)
      const emotionCount = await repository.countWindows(orm, id)
      const until = session.endedAt ?? now
      return { session, emotionCount, durationMs: until.getTime() - session.startedAt.getTime() }
    },

    /** For the sockets: the row and the database's clock, or undefined when there is no such session. */
    find: async (id: string): Promise<LockedSession | undefined> =>
      SESSION_ID.test(id) ? repository.find(orm, id) : undefined,

    /**
     * Ends up to `limit` sessions where nobody has been for `quietMs`. One instance at a time, in one transaction; the
     * others find nothing to do. Returns how many ended.
     */
    async endAbandoned(quietMs: number, limit: number): Promise<number> {
      const ended = await orm.transaction(async (tx) => {
        if (!(await repository.lockSweep(tx))) return []
        const moves: Moved[] = []
        for (const id of await repository.listAbandoned(tx, quietMs, limit)) {
          moves.push(await move(tx, id, 'capability', 'end', 'abandoned'))
        }
        return moves
      })
      for (const moved of ended) tell(moved)
      return ended.length
    },

    /** Deletes up to `limit` devices that nobody can use any more; one instance at a time. Returns how many. */
    forgetDevices: (limit: number): Promise<number> =>
      orm.transaction(async (tx) =>
        (await repository.lockSweep(tx)) ? repository.deleteExpiredFamilies(tx, limit) : 0,
      ),

    /** Ends every live session of the user: nothing of them is read any more. */
    async endOfUser(userId: number, reason: EndReason): Promise<void> {
      await endEach(await repository.listLiveOfUser(orm, userId), reason)
    },

    /** Erases up to `limit` sessions of the user, in whatever state they are. Returns how many. */
    async deleteOfUser(userId: number, limit: number): Promise<number> {
      const ids = await repository.deleteOfUser(orm, userId, limit)
      for (const id of ids) dependencies.announceDeleted(id)
      return ids.length
    },

    /** Ends up to `limit` sessions whose device is not logged in any more, however that came about. */
    async endOfDeadFamilies(limit: number): Promise<void> {
      await endEach(await repository.listLiveOfDeadFamilies(orm, limit), 'logged_out')
    },

    /** Ends what these devices started: they have been logged out. */
    async endOfFamilies(familyIds: readonly string[]): Promise<void> {
      if (familyIds.length === 0) return
      await endEach(await repository.listLiveOfFamilies(orm, familyIds), 'logged_out')
    },
  }
}

export type SessionService = ReturnType<typeof createSessionService>
