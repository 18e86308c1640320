import type { Orm } from '../db/orm.ts'
import { SEALED } from '../db/sealed-columns.ts'
import type { Vault } from '../db/vault.ts'
import type { WindowAnswer } from '../protocol/session-events.ts'
import { carriedFrom, decodeLearnt } from './face/learnt.ts'
import type { ClaimedSession as ClaimedRow } from './leases/claims.ts'
import type { LeaseClaim } from './leases/lease.ts'
import { analysisRepository as repository } from './repository.ts'
import type { ClaimedStart } from './session-start.ts'
import { fromWindowRow } from './windows/rows.ts'
import { MAX_WAITING_PER_SESSION } from './windows/writer.ts'

export type ClaimedSession = ClaimedRow & {
  /** The lease under which it was claimed, which is used up by feeding the session. */
  readonly claim: LeaseClaim
}

type Dependencies = {
  readonly orm: Orm
  readonly vault: Pick<Vault, 'safeOf'>
  /** This process, as the owner of sessions. */
  readonly owner: string
  readonly prepareConsent: (userId: number) => Promise<unknown>
  readonly askMayOffer: (sessionId: string) => Promise<boolean>
  /** Whether this process serves the session under this epoch already; then it goes on to serve it. */
  readonly awaits: (sessionId: string, epoch: number) => boolean
  /** Announced answers of the session in this process that may not be in its rows yet. */
  readonly listUncommitted: (sessionId: string) => readonly WindowAnswer[]
}

/** After words of self-harm an exercise that was not shown yet is withheld. */
export const withoutOffers = (answers: readonly WindowAnswer[]): WindowAnswer[] =>
  answers.map((answer) => ({ ...answer, intervention: null }))

/** What a session reads from its rows when it starts or a client reconnects, and what it leaves for the next session. */
export function createStoredSessions({
  orm,
  vault,
  owner,
  prepareConsent,
  askMayOffer,
  awaits,
  listUncommitted,
}: Dependencies) {
  /** Keeps what the session has learnt of its person for their next session. */
  const carryBaseline = async (sessionId: string): Promise<void> => {
    const found = await repository.findCarriable(orm, sessionId)
    if (found === undefined) return
    const safe = await vault.safeOf(found.userId)
    const learnt = carriedFrom(
      decodeLearnt(found.learnt === null ? null : safe.open(found.learnt, SEALED.sessions.baseline.at())),
    )
    if (learnt !== undefined)
      await repository.carry(orm, found.userId, safe.seal(learnt, SEALED.baselines.measures.at()))
  }

  /** Removes exercises from stored answers where they may no longer be offered. */
  const showable = async (
    sessionId: string,
    answers: readonly WindowAnswer[],
  ): Promise<readonly WindowAnswer[]> => {
    const isOffered = answers.some(({ intervention }) => intervention !== null)
    return isOffered && !(await askMayOffer(sessionId)) ? withoutOffers(answers) : answers
  }

  /** Reads what is needed to serve a session that was just claimed. */
  const prepare = async ({
    session,
    clockOffset,
    claim,
    progress,
  }: ClaimedSession): Promise<ClaimedStart> => {
    const { id, userId, status, intervalMs, language, baseline } = session
    const [safe] = await Promise.all([vault.safeOf(userId), prepareConsent(userId)])
    const { epoch } = claim
    const startedAt = session.startedAt.getTime()
    const learnt = decodeLearnt(baseline === null ? null : safe.open(baseline, SEALED.sessions.baseline.at()))
    const { lastWindow, hasUndelivered } = progress
    const start = {
      id,
      userId,
      status,
      intervalMs,
      language,
      epoch,
      startedAt,
      clockOffset,
      learnt,
      safe,
      lastWindow,
      claim,
    }
    const isServedHere = awaits(id, epoch)
    if (!hasUndelivered) return { ...start, undelivered: [] }
    const undelivered = await repository.listUndelivered(orm, id, MAX_WAITING_PER_SESSION)
    // Those of this epoch are known here.
    const rows = isServedHere ? undelivered.filter((row) => row.epoch < epoch) : undelivered
    if (rows.some((row) => row.answeredAt === null)) await repository.answerOrphans(orm, id, { owner, epoch })
    // A window of this epoch without an answer is still in progress.
    const answered = rows.filter((row) => row.answeredAt !== null || row.epoch < epoch)
    const answers = answered.map((row) => fromWindowRow(row, safe))
    return { ...start, undelivered: await showable(id, answers) }
  }

  /** Answers after `window`: at most the last sixty stored ones, and those whose commit is late. */
  const answersSince = async (sessionId: string, window: number): Promise<readonly WindowAnswer[]> => {
    const uncommitted = listUncommitted(sessionId) // before the rows: they may be committed in between
    const rows = await repository.listAnswersSince(orm, sessionId, window, MAX_WAITING_PER_SESSION)
    const userId = rows.length === 0 ? undefined : await repository.findOwner(orm, sessionId)
    const safe = userId === undefined ? undefined : await vault.safeOf(userId)
    const stored = safe === undefined ? [] : rows.map((row) => fromWindowRow(row, safe))
    const known = new Set(stored.map((answer) => answer.window))
    const others = uncommitted.filter((answer) => answer.window > window && !known.has(answer.window))
    const answers = [...stored, ...others].sort((one, other) => one.window - other.window)
    return showable(sessionId, answers)
  }

  return { prepare, answersSince, carryBaseline }
}
