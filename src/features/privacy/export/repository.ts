import { and, asc, eq, gt, sql } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import {
  auditLog,
  baselines,
  cbtFindings,
  consents,
  conversations,
  counselings,
  emotionWindows,
  feedbacks,
  refreshFamilies,
  reports,
  sessions,
  userPreferences,
  users,
  voiceWindows,
} from '../../../db/schema/index.ts'

/** The last row of the previous page; undefined for the first page. */
type After<Row> = Row | undefined

type SessionPlace = { readonly id: string; readonly startedAt: Date }

export const exportRepository = {
  findAccount: async (orm: Orm, userId: number) =>
    (
      await orm
        .select({
          id: users.id,
          username: users.username,
          email: users.email,
          profileImage: users.profileImage,
          role: users.role,
          disabledAt: users.disabledAt,
          createdAt: users.createdAt,
          updatedAt: users.updatedAt,
        })
        .from(users)
        .where(eq(users.id, userId))
    )[0],

  findPreferences: async (orm: Orm, userId: number) =>
    (await orm.select().from(userPreferences).where(eq(userPreferences.userId, userId)))[0]?.preferences ??
    null,

  findBaseline: async (orm: Orm, userId: number) =>
    (await orm.select().from(baselines).where(eq(baselines.userId, userId)))[0],

  listDevices: (orm: Orm, userId: number) => (after: After<{ id: string }>, limit: number) =>
    orm
      .select({
        id: refreshFamilies.id,
        loggedInAt: refreshFamilies.createdAt,
        usedAt: refreshFamilies.rotatedAt,
        expiresAt: refreshFamilies.expiresAt,
        revokedAt: refreshFamilies.revokedAt,
      })
      .from(refreshFamilies)
      .where(and(eq(refreshFamilies.userId, userId), gt(refreshFamilies.id, after?.id ?? '')))
      .orderBy(asc(refreshFamilies.id))
      .limit(limit),

  listConsents: (orm: Orm, userId: number) => (after: After<{ id: number }>, limit: number) =>
    orm
      .select()
      .from(consents)
      .where(and(eq(consents.userId, userId), gt(consents.id, after?.id ?? 0)))
      .orderBy(asc(consents.id))
      .limit(limit),

  listCounselings: (orm: Orm, userId: number) => (after: After<{ id: number }>, limit: number) =>
    orm
      .select()
      .from(counselings)
      .where(and(eq(counselings.userId, userId), gt(counselings.id, after?.id ?? 0)))
      .orderBy(asc(counselings.id))
      .limit(limit),

  listFeedback: (orm: Orm, userId: number) => (after: After<{ id: number }>, limit: number) =>
    orm
      .select()
      .from(feedbacks)
      .where(and(eq(feedbacks.userId, userId), gt(feedbacks.id, after?.id ?? 0)))
      .orderBy(asc(feedbacks.id))
      .limit(limit),

  listSessions: (orm: Orm, userId: number) => (after: After<SessionPlace>, limit: number) =>
    orm
      .select()
      .from(sessions)
      .where(
        and(
          eq(sessions.userId, userId),
          after === undefined
            ? undefined
            : sql`(${sessions.startedAt}, ${sessions.id}) > (${after.startedAt.toISOString()}::timestamptz, ${after.id})`,
        ),
      )
      .orderBy(asc(sessions.startedAt), asc(sessions.id))
      .limit(limit),

  listWindows: (orm: Orm, sessionId: string) => (after: After<{ window: number }>, limit: number) =>
    orm
      .select()
      .from(emotionWindows)
      .where(and(eq(emotionWindows.sessionId, sessionId), gt(emotionWindows.window, after?.window ?? 0)))
      .orderBy(asc(emotionWindows.window))
      .limit(limit),

  listVoice: (orm: Orm, sessionId: string) => (after: After<{ window: number }>, limit: number) =>
    orm
      .select()
      .from(voiceWindows)
      .where(and(eq(voiceWindows.sessionId, sessionId), gt(voiceWindows.window, after?.window ?? 0)))
      .orderBy(asc(voiceWindows.window))
      .limit(limit),

  listFindings: (orm: Orm, sessionId: string) => (after: After<{ id: number }>, limit: number) =>
    orm
      .select()
      .from(cbtFindings)
      .where(and(eq(cbtFindings.sessionId, sessionId), gt(cbtFindings.id, after?.id ?? 0)))
      .orderBy(asc(cbtFindings.id))
      .limit(limit),

  listExchanges: (orm: Orm, sessionId: string) => (after: After<{ id: number }>, limit: number) =>
    orm
      .select()
      .from(conversations)
      .where(and(eq(conversations.sessionId, sessionId), gt(conversations.id, after?.id ?? 0)))
      .orderBy(asc(conversations.id))
      .limit(limit),

  findReport: async (orm: Orm, sessionId: string) =>
    (await orm.select().from(reports).where(eq(reports.sessionId, sessionId)))[0],

  /** The user's rows of the audit trail. */
  listTrail: (orm: Orm, subject: string) => (after: After<{ chain: string; place: number }>, limit: number) =>
    orm
      .select({
        chain: auditLog.chain,
        place: auditLog.place,
        at: auditLog.at,
        event: auditLog.event,
        address: auditLog.address,
        details: auditLog.details,
      })
      .from(auditLog)
      .where(
        and(
          eq(auditLog.subject, subject),
          sql`(${auditLog.chain}, ${auditLog.place}) > (${after?.chain ?? ''}, ${after?.place ?? 0})`,
        ),
      )
      .orderBy(asc(auditLog.chain), asc(auditLog.place))
      .limit(limit),
}

export type ExportRepository = typeof exportRepository
