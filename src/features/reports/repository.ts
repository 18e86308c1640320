import { and, asc, eq, gt, isNotNull, isNull, lt, type SQL, sql } from 'drizzle-orm'
import { Value } from 'typebox/value'
import type { Orm } from '../../db/orm.ts'
import { prepared } from '../../db/prepared.ts'
import {
  cbtFindings,
  conversations,
  emotionWindows,
  reports,
  sessions,
  userPreferences,
  voiceWindows,
} from '../../db/schema/index.ts'
import { SEALED } from '../../db/sealed-columns.ts'
import type { ReportedFinding } from '../../domain/report/findings.ts'
import type { ReportedRows, ReportedWindow } from '../../domain/report.ts'
import type { Safe } from '../../lib/sealing.ts'
import { Intervention } from '../../protocol/common-schemas.ts'
import { Detection } from '../../protocol/rest/reports.ts'

type StoredContent = Record<string, unknown>

/** Reports of version 2 contained their timelines, which are now read from the windows. */
const kept = (without: SQL) => sql<StoredContent>`${reports.content} - ${without}`.mapWith(reports.content)

const SESSION_COLUMNS = {
  id: sessions.id,
  userId: sessions.userId,
  labels: sessions.labels,
  language: sessions.language,
  status: sessions.status,
  intervalMs: sessions.intervalMs,
  startedAt: sessions.startedAt,
  endedAt: sessions.endedAt,
  endReason: sessions.endReason,
  finalisedAt: sessions.finalisedAt,
}

export type SessionRow = Pick<typeof sessions.$inferSelect, keyof typeof SESSION_COLUMNS>
export type ReportRow = Pick<typeof reports.$inferSelect, 'id' | 'version' | 'generatedAt' | 'content'>
export type Unfinalised = { readonly id: string; readonly endedAt: string }
export type FoundReport = {
  readonly session: SessionRow
  readonly report: ReportRow | null
  /** From the user's preferences. */
  readonly timezone: string | null
}
/** The part of a found report that the summary needs, without the findings. */
export type FoundSummary = {
  readonly session: Pick<SessionRow, 'userId' | 'status' | 'startedAt' | 'endedAt'>
  readonly report: Pick<ReportRow, 'version' | 'content'> | null
}

const TIMELINE_COLUMNS = {
  window: emotionWindows.window,
  closedAt: emotionWindows.closedAt,
  framesReceived: emotionWindows.framesReceived,
  frameCount: emotionWindows.framesAnalysed,
  emotion: emotionWindows.emotion,
  confidence: emotionWindows.confidence,
  uncertain: emotionWindows.uncertain,
  scores: emotionWindows.scores,
  valence: emotionWindows.valence,
  arousal: emotionWindows.arousal,
  dominance: emotionWindows.dominance,
  source: emotionWindows.source,
  model: emotionWindows.model,
  modelOutcome: emotionWindows.modelOutcome,
  latencyMs: emotionWindows.latencyMs,
}

export type TimelineRow = Pick<
  typeof emotionWindows.$inferSelect,
  Exclude<keyof typeof TIMELINE_COLUMNS, 'frameCount'>
> & { readonly frameCount: number }

/** More than two days of windows. Findings are far less frequent. */
const MAX_WINDOWS = 20_000
const MAX_FINDINGS = 5000

/** The session and its report, if any, in one query. */
const FIND = prepared((orm) =>
  orm
    .select({
      session: SESSION_COLUMNS,
      report: {
        id: reports.id,
        version: reports.version,
        generatedAt: reports.generatedAt,
        content: kept(sql`array['emotionTimeline', 'vadTimeline']`),
      },
      timezone: sql<string | null>`${userPreferences.preferences} ->> 'timezone'`,
    })
    .from(sessions)
    .leftJoin(reports, eq(reports.sessionId, sessions.id))
    .leftJoin(userPreferences, eq(userPreferences.userId, sessions.userId))
    .where(eq(sessions.id, sql.placeholder('id')))
    .limit(1)
    .prepare('find_report'),
)
/** The most frequent read, with as few columns as possible. */
const FIND_SUMMARY = prepared((orm) =>
  orm
    .select({
      session: {
        userId: sessions.userId,
        status: sessions.status,
        startedAt: sessions.startedAt,
        endedAt: sessions.endedAt,
      },
      report: {
        version: reports.version,
        content: kept(sql`array['emotionTimeline', 'vadTimeline', 'cbtFindings']`),
      },
    })
    .from(sessions)
    .leftJoin(reports, eq(reports.sessionId, sessions.id))
    .where(eq(sessions.id, sql.placeholder('id')))
    .limit(1)
    .prepare('find_summary'),
)

/** The first `limit` answered windows of the session, in order. Unanswered windows are in no report. */
async function listWindows(orm: Orm, sessionId: string, limit = MAX_WINDOWS): Promise<ReportedWindow[]> {
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
      offered: sql<boolean>`${emotionWindows.intervention} is not null`,
    })
    .from(emotionWindows)
    .where(and(eq(emotionWindows.sessionId, sessionId), isNotNull(emotionWindows.answeredAt)))
    .orderBy(asc(emotionWindows.window))
    .limit(limit)
  return rows.map((row) => ({ ...row, closedAt: row.closedAt.getTime() }))
}

async function listVoice(orm: Orm, sessionId: string, safe: Safe): Promise<Record<string, number>[]> {
  const rows = await orm
    .select({ window: voiceWindows.window, measures: voiceWindows.measures })
    .from(voiceWindows)
    .where(eq(voiceWindows.sessionId, sessionId))
    .orderBy(asc(voiceWindows.window))
    .limit(MAX_WINDOWS)
  return rows.map(({ window, measures }) =>
    safe.openJson(measures, SEALED.voiceWindows.measures.at({ sessionId, window })),
  )
}

async function listFindings(orm: Orm, sessionId: string, safe: Safe): Promise<ReportedFinding[]> {
  const rows = await orm
    .select({
      at: cbtFindings.at,
      detections: cbtFindings.detections,
      intervention: cbtFindings.intervention,
      isCrisis: cbtFindings.isCrisis,
    })
    .from(cbtFindings)
    .where(eq(cbtFindings.sessionId, sessionId))
    .orderBy(asc(cbtFindings.id))
    .limit(MAX_FINDINGS)
  const sealed = SEALED.cbtFindings
  return rows.map((row) => {
    const finding = { sessionId, at: row.at }
    const detections = safe.openJson(row.detections, sealed.detections.at(finding))
    const intervention = row.intervention && safe.openJson(row.intervention, sealed.intervention.at(finding))
    return {
      at: row.at.getTime(),
      // A client fails on any other shape, so other shapes are left out.
      detections: detections.filter((detection) => Value.Check(Detection, detection)),
      intervention: Value.Check(Intervention, intervention) ? intervention : null,
      isCrisis: row.isCrisis,
    }
  })
}

export const reportsRepository = {
  /**
   * The ended session, locked. `busy` while an instance other than `settledBy` may still write results of it: while its
   * lease is valid, and for `graceMs` after the session was ended, which for an abandoned session is later than its
   * `ended_at`.
   */
  lockEnded: async (orm: Orm, id: string, settledBy: string | null, graceMs: number) => {
    const isForeign = sql`${sessions.leaseOwner} is not null and ${sessions.leaseOwner} is distinct from ${settledBy}`
    const endedLast = sql`case when ${sessions.endReason} = 'abandoned' then ${sessions.changedAt} else ${sessions.endedAt} end`
    const inGrace = sql`${endedLast} > now() - ${graceMs} * interval '1 millisecond'`
    const busy = sql<boolean>`coalesce(${isForeign} and (${sessions.leaseUntil} > now() or ${inGrace}), false)`
    const [row] = await orm
      .select({ session: SESSION_COLUMNS, busy })
      .from(sessions)
      .where(and(eq(sessions.id, id), eq(sessions.status, 'ended')))
      .for('update')
      .limit(1)
    return row
  },

  find: async (orm: Orm, id: string): Promise<FoundReport | undefined> =>
    (await FIND(orm).execute({ id }))[0],

  findSummary: async (orm: Orm, id: string): Promise<FoundSummary | undefined> =>
    (await FIND_SUMMARY(orm).execute({ id }))[0],

  listWindows,

  /** Windows whose owner died between close and answer keep the local answer that was stored with them. */
  async answerOrphans(orm: Orm, sessionId: string): Promise<void> {
    await orm
      .update(emotionWindows)
      .set({ answeredAt: sql`now()`, modelOutcome: 'owner_lost' })
      .where(and(eq(emotionWindows.sessionId, sessionId), isNull(emotionWindows.answeredAt)))
  },

  /** All rows that a report is built from, in order, in four statements. */
  listRows: async (orm: Orm, sessionId: string, safe: Safe): Promise<ReportedRows> => ({
    windows: await listWindows(orm, sessionId),
    voice: await listVoice(orm, sessionId, safe),
    findings: await listFindings(orm, sessionId, safe),
    conversations: await orm.$count(conversations, eq(conversations.sessionId, sessionId)),
  }),

  /** Up to `limit` answered windows after window `after`. Unanswered windows may still change. */
  listTimeline: async (orm: Orm, sessionId: string, after: number, limit: number): Promise<TimelineRow[]> =>
    orm
      .select(TIMELINE_COLUMNS)
      .from(emotionWindows)
      .where(
        and(
          eq(emotionWindows.sessionId, sessionId),
          gt(emotionWindows.window, after),
          isNotNull(emotionWindows.answeredAt),
        ),
      )
      .orderBy(asc(emotionWindows.window))
      .limit(limit),

  /** Stores the report; false when the session already has one. */
  async insertReport(
    orm: Orm,
    report: { id: string; sessionId: string; version: number; content: object },
  ): Promise<boolean> {
    const content = report.content as Record<string, unknown> // the content of a report is a JSON object
    const rows = await orm
      .insert(reports)
      .values({ ...report, content })
      .onConflictDoNothing({ target: reports.sessionId })
      .returning({ id: reports.id })
    await orm.update(sessions).set({ finalisedAt: sql`now()` }).where(eq(sessions.id, report.sessionId))
    return rows.length > 0
  },

  /** Sessions without a report that ended more than `ms` ago, in the order of their end, after `after`. */
  listUnfinalised: (
    orm: Orm,
    ms: number,
    limit: number,
    after: Unfinalised | undefined,
  ): Promise<Unfinalised[]> => {
    const endedAt = sql<string>`${sessions.endedAt}::text`
    return orm
      .select({ id: sessions.id, endedAt })
      .from(sessions)
      .where(
        and(
          eq(sessions.status, 'ended'),
          isNull(sessions.finalisedAt),
          lt(sessions.endedAt, sql`now() - ${ms} * interval '1 millisecond'`),
          after && sql`(${sessions.endedAt}, ${sessions.id}) > (${after.endedAt}::timestamptz, ${after.id})`,
        ),
      )
      .orderBy(asc(sessions.endedAt), asc(sessions.id))
      .limit(limit)
  },
}

export type ReportsRepository = typeof reportsRepository
