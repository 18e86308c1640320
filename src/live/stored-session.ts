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

  /** Stored answers after `window`, at most the last sixty. */
  const answersSince = async (sessionId: string, window: number): Promise<readonly WindowAnswer[]> => {
    const rows = await repository.listAnswersSince(orm, sessionId, window, MAX_WAITING_PER_SESSION)
    const userId = rows.length === 0 ? undefined : await repository.findOwner(orm, sessionId)
    if (userId === undefined) return []
    const safe = await vault.safeOf(userId)
    return showable(
      sessionId,
      rows.map((row) => fromWindowRow(row, safe)),
    )
  }

  return { prepare, answersSince, carryBaseline }
}
