import { and, asc, eq, isNull, lt, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { emotionWindows, reports, sessions } from '../../db/schema/index.ts'
import type { ReportedWindow } from '../../domain/report.ts'

export type SessionRow = typeof sessions.$inferSelect
export type ReportRow = typeof reports.$inferSelect

export const reportsRepository = {
  /**
   * The ended session, locked; `busy` while an instance other than `settledBy` may still have results of it on their
   * way: as long as its lease runs, and for `graceMs` after the end.
   */
  lockEnded: async (orm: Orm, id: string, settledBy: string | null, graceMs: number) => {
    const isForeign = sql`${sessions.leaseOwner} is not null and ${sessions.leaseOwner} is distinct from ${settledBy}`
    const inGrace = sql`${sessions.endedAt} > now() - ${graceMs} * interval '1 millisecond'`
    const busy = sql<boolean>`coalesce(${isForeign} and (${sessions.leaseUntil} > now() or ${inGrace}), false)`
    const [row] = await orm
      .select({ session: sessions, busy })
      .from(sessions)
      .where(and(eq(sessions.id, id), eq(sessions.status, 'ended')))
      .for('update')
      .limit(1)
    return row
  },

  find: async (orm: Orm, id: string): Promise<SessionRow | undefined> =>
    (await orm.select().from(sessions).where(eq(sessions.id, id)).limit(1))[0],

  findReport: async (orm: Orm, sessionId: string): Promise<ReportRow | undefined> =>
    (await orm.select().from(reports).where(eq(reports.sessionId, sessionId)).limit(1))[0],

  /** Windows whose owner died between close and answer keep the local answer that was stored with them. */
  async answerOrphans(orm: Orm, sessionId: string): Promise<void> {
    await orm
      .update(emotionWindows)
      .set({ answeredAt: sql`now()`, modelOutcome: 'owner_lost' })
      .where(and(eq(emotionWindows.sessionId, sessionId), isNull(emotionWindows.answeredAt)))
  },

  listWindows: async (orm: Orm, sessionId: string): Promise<ReportedWindow[]> => {
    const rows = await orm
      .select({
        window: emotionWindows.window,
        closedAt: emotionWindows.closedAt,
        emotion: emotionWindows.emotion,
        confidence: emotionWindows.confidence,
        uncertain: emotionWindows.uncertain,
        valence: emotionWindows.valence,
        arousal: emotionWindows.arousal,
        dominance: emotionWindows.dominance,
        source: emotionWindows.source,
        model: emotionWindows.model,
        analyserVersion: emotionWindows.analyserVersion,
        frameCount: emotionWindows.framesAnalysed,
      })
      .from(emotionWindows)
      .where(eq(emotionWindows.sessionId, sessionId))
      .orderBy(asc(emotionWindows.window))
    return rows.map((row) => ({ ...row, closedAt: row.closedAt.getTime() }))
  },

  /** Makes the report final; false when it was final already. */
  async insertReport(
    orm: Orm,
    report: { id: string; sessionId: string; version: number; content: object },
  ): Promise<boolean> {
    const content = report.content as Record<string, unknown> // what a report holds is a JSON object
    const rows = await orm
      .insert(reports)
      .values({ ...report, content })
      .onConflictDoNothing({ target: reports.sessionId })
      .returning({ id: reports.id })
    await orm.update(sessions).set({ finalisedAt: sql`now()` }).where(eq(sessions.id, report.sessionId))
    return rows.length > 0
  },

  /** Ended sessions without a report whose owner has had its time to make it, oldest first. */
  listUnfinalised: async (orm: Orm, ms: number, limit: number): Promise<string[]> => {
    const rows = await orm
      .select({ id: sessions.id })
      .from(sessions)
      .where(
        and(
          eq(sessions.status, 'ended'),
          isNull(sessions.finalisedAt),
          lt(sessions.endedAt, sql`now() - ${ms} * interval '1 millisecond'`),
        ),
      )
      .orderBy(asc(sessions.endedAt))
      .limit(limit)
    return rows.map((row) => row.id)
  },
}

export type ReportsRepository = typeof reportsRepository
