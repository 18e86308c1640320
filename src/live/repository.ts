import { and, desc, eq, exists, gt, isNotNull, isNull, lt, sql } from 'drizzle-orm'
import type { Orm } from '../db/orm.ts'
import { baselines, consents, emotionWindows, sessions } from '../db/schema/index.ts'
import { findSessionOwner } from '../db/session-row.ts'
import { CARRY_BASELINE } from '../domain/consent.ts'
import { type Fence, type WindowRow, windowWrites } from './windows/repository.ts'
import { restoreWrites } from './windows/restore-repository.ts'

/** Whose session ended because they took their consent back lets nothing of it be kept. */
const NOT_TAKEN_BACK = sql`${sessions.endReason} is distinct from 'consent_withdrawn'`
/** That the person's neutral face may be kept from session to session. */
const AGREED = and(eq(consents.purpose, CARRY_BASELINE), isNull(consents.withdrawnAt))

export const analysisRepository = {
  ...windowWrites,
  ...restoreWrites,

  /**
   * Windows of earlier owners who died between close and answer get the local answer that was stored with them, while
   * the session is ours.
   */
  async answerOrphans(orm: Orm, sessionId: string, { owner, epoch }: Fence): Promise<void> {
    const isOurs = orm
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.id, sessionId), eq(sessions.leaseOwner, owner), eq(sessions.leaseEpoch, epoch)))
    await orm
      .update(emotionWindows)
      .set({ answeredAt: sql`now()`, modelOutcome: 'owner_lost' })
      .where(
        and(
          eq(emotionWindows.sessionId, sessionId),
          isNull(emotionWindows.answeredAt),
          lt(emotionWindows.epoch, epoch),
          exists(isOurs),
        ),
      )
  },

  /** Windows whose answer no socket has been sent yet, the latest `limit`, in order. */
  listUndelivered: async (orm: Orm, sessionId: string, limit: number): Promise<WindowRow[]> =>
    (
      await orm
        .select()
        .from(emotionWindows)
        .where(and(eq(emotionWindows.sessionId, sessionId), isNull(emotionWindows.deliveredAt)))
        .orderBy(desc(emotionWindows.window))
        .limit(limit)
    ).reverse(),

  /** Answered windows after `window`, the latest `limit`, in order. */
  listAnswersSince: async (
    orm: Orm,
    sessionId: string,
    window: number,
    limit: number,
  ): Promise<WindowRow[]> =>
    (
      await orm
        .select()
        .from(emotionWindows)
        .where(
          and(
            eq(emotionWindows.sessionId, sessionId),
            gt(emotionWindows.window, window),
            isNotNull(emotionWindows.answeredAt),
          ),
        )
        .orderBy(desc(emotionWindows.window))
        .limit(limit)
    ).reverse(),

  /** What the session has learnt of a person who allows it to be kept for later ones; undefined of all others. */
  findCarriable: async (
    orm: Orm,
    sessionId: string,
  ): Promise<{ userId: number; learnt: Uint8Array | null } | undefined> => {
    const [row] = await orm
      .select({ userId: sessions.userId, learnt: sessions.baseline })
      .from(sessions)
      .innerJoin(consents, eq(consents.userId, sessions.userId))
      .where(and(eq(sessions.id, sessionId), AGREED, NOT_TAKEN_BACK))
      .limit(1)
    return row
  },

  /** Keeps it for the person's next session, if that is still allowed now. */
  async carry(orm: Orm, userId: number, learnt: Uint8Array): Promise<void> {
    // Held until the write is done: who forbids it in the same moment finds it written, and erases it.
    const allowed = orm
      .select({
        userId: consents.userId,
        measures: sql<Uint8Array>`${sql.param(learnt, baselines.measures)}::bytea`.as('measures'),
        updatedAt: sql`now()`.as('updated_at'),
      })
      .from(consents)
      .where(and(eq(consents.userId, userId), AGREED))
      .limit(1) // there may be one for each wording
      .for('share')
    await orm
      .insert(baselines)
      .select(allowed)
      .onConflictDoUpdate({
        target: baselines.userId,
        set: { measures: sql`excluded.measures`, updatedAt: sql`now()` },
      })
  },

  findOwner: findSessionOwner,
}

export type AnalysisRepository = typeof analysisRepository
