import type { Orm } from '../../db/orm.ts'
import type { LockedSession, SessionRow } from '../../db/session-row.ts'
import {
  type EndReason,
  getTransition,
  revokesAnalysis,
  type SessionCommand,
  type SessionStatus,
} from '../../domain/session.ts'
import { AppError } from '../../protocol/errors.ts'
import type { StatusChanged } from '../../protocol/session-events.ts'
import { toEndAnswer, type UnstoredWindow } from './end-answer.ts'
import type { SessionsRepository, StatusChange } from './repository.ts'

/** The caller: a user with a token, or a client with the session's id (sockets cannot carry a token). */
export type Caller = { readonly userId: number } | 'capability'

/** A command to a session. `reason` counts for an end. */
export type Move = {
  readonly id: string
  readonly caller: Caller
  readonly command: SessionCommand
  readonly reason: EndReason
}

/** The next state of a session. */
type Step = { readonly to: SessionStatus; readonly at: Date; readonly reason: EndReason }

export type Moved = { readonly session: SessionRow; readonly change: StatusChanged | undefined }

type Dependencies = {
  readonly repository: SessionsRepository
  /** Answers of the session in this process that are not stored yet, in order. */
  readonly listUnstored: (sessionId: string) => readonly UnstoredWindow[]
}

/** Times of one session always rise, although a change that waited for a lock may have begun earlier. */
const toChangeTime = ({ pausedAt, resumedAt }: SessionRow, now: Date): Date => {
  const last = Math.max(pausedAt?.getTime() ?? 0, resumedAt?.getTime() ?? 0)
  return new Date(Math.max(now.getTime(), last + 1))
}

/** @throws SESSION_NOT_FOUND also if the session is another user's. */
export const requireOwn = (found: LockedSession | undefined, caller: Caller): LockedSession => {
  const mine = found !== undefined && (caller === 'capability' || found.session.userId === caller.userId)
  if (!mine) throw new AppError('SESSION_NOT_FOUND')
  return found
}

/** Moves sessions from one state to the next. */
export function createMoves({ repository, listUnstored }: Dependencies) {
  /** The answered windows of a session that ends now, stored or not, in order. */
  const listWindows = async (on: Orm, session: SessionRow, { at, reason }: Step) => {
    // A call that waited for the row may be older than a window that has closed since, which is not stored either.
    const isBeforeEnd = ({ window }: UnstoredWindow) =>
      reason === 'abandoned' || session.startedAt.getTime() + (window - 1) * session.intervalMs < at.getTime()
    // First, so that a window that is stored meanwhile is found twice, and counted once, instead of never.
    const unstored = listUnstored(session.id).filter(isBeforeEnd)
    const stored = await repository.listWindows(on, session.id)
    const byNumber = new Map<number, UnstoredWindow>([...stored, ...unstored].map((one) => [one.window, one]))
    return [...byNumber.values()].sort((a, b) => a.window - b.window)
  }

  const buildChange = async (on: Orm, session: SessionRow, step: Step): Promise<StatusChange> => {
    const { to, at, reason } = step
    if (to === 'paused') return { status: to, pausedAt: at } satisfies StatusChange
    if (to === 'active') return { status: to, resumedAt: at } satisfies StatusChange
    const endAnswer = toEndAnswer(session, at, await listWindows(on, session, step))
    const end = { status: to, endedAt: at, endReason: reason, endAnswer } satisfies StatusChange
    if (!revokesAnalysis(reason)) return end
    const leaseEpoch = session.leaseEpoch + 1
    return {
      ...end,
      leaseEpoch,
      leaseAfterWindow: 0,
      leaseOwner: null,
      leaseUntil: null,
    } satisfies StatusChange
  }

  /** Locks, checks and updates. A request for the current state changes nothing; an end is announced again. */
  return async (tx: Orm, { id, caller, command, reason }: Move): Promise<Moved> => {
    const { session: before, now } = requireOwn(await repository.lock(tx, id), caller)
    const step = getTransition(before.status, command)
    if (step.kind === 'refuse') throw new AppError('SESSION_ENDED')
    if (step.kind === 'stay') {
      const { status, endedAt, endReason } = before
      // The announcement of the first end may have been lost with its answer.
      const end = endedAt === null ? undefined : { status, at: endedAt.getTime(), reason: endReason }
      return { session: before, change: end }
    }
    // An abandoned session ends at its last activity.
    const leftAt = reason === 'abandoned' ? await repository.findLastActivity(tx, id) : undefined
    const at = toChangeTime(before, leftAt ?? now)
    const change = await buildChange(tx, before, { to: step.to, at, reason })
    await repository.update(tx, id, change)
    const session = { ...before, ...change }
    return { session, change: { status: step.to, at: at.getTime(), reason: session.endReason } }
  }
}
