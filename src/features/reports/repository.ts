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
import type { ReportedFinding } from '../../domain/report/findings.ts'
import type { ReportedRows, ReportedWindow } from '../../domain/report.ts'
import { findingRow, windowRow } from '../../domain/sealed-rows.ts'
import type { Safe } from '../../lib/sealing.ts'
import { Intervention } from '../../plugins/common-schemas.ts'
import { Detection } from './schemas.ts'

type StoredContent = Record<string, unknown>

/** `short` is a report without its findings. */
export type ReportPart = 'whole' | 'short'

/** Reports of version 2 held their timelines, which nobody reads from there any more. */
const kept = (without: SQL) => sql<StoredContent>`${reports.content} - ${without}`.mapWith(reports.content)
const CONTENTS = {
  whole: kept(sql`array['emotionTimeline', 'vadTimeline']`),
  short: kept(sql`array['emotionTimeline', 'vadTimeline', 'cbtFindings']`),
}

/** What a report needs to know of its session. */
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
export type FoundSession = {
  readonly session: SessionRow
  readonly report: ReportRow | null
  /** What the person's preferences say of it. */
  readonly timezone: string | null
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

/** Two days and more of windows; findings come far more rarely. */
const MOST_WINDOWS = 20_000
const MOST_FINDINGS = 5000

/** The session and what there is of its report, in one look; of the content only one part, which may save its reading. */
const findWith = (part: ReportPart) =>
  prepared((orm) =>
    orm
      .select({
        session: SESSION_COLUMNS,
        report: {
          id: reports.id,
          version: reports.version,
          generatedAt: reports.generatedAt,
          content: CONTENTS[part],
        },
        timezone: sql<string | null>`${userPreferences.preferences} ->> 'timezone'`,
      })
      .from(sessions)
      .leftJoin(reports, eq(reports.sessionId, sessions.id))
      .leftJoin(userPreferences, eq(userPreferences.userId, sessions.userId))
      .where(eq(sessions.id, sql.placeholder('id')))
      .limit(1)
      .prepare(`find_report_${part}`),
  )
const FIND = { whole: findWith('whole'), short: findWith('short') }

/** The first `limit` answered windows of the session, in order: what is not answered is in no report. */
async function listWindows(orm: Orm, sessionId: string, limit = MOST_WINDOWS): Promise<ReportedWindow[]> {
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
    .limit(MOST_WINDOWS)
  return rows.map(({ window, measures }) =>
    safe.openJson(measures, 'voice_windows.measures', windowRow(sessionId, window)),
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
    .limit(MOST_FINDINGS)
  return rows.map((row) => {
    const name = findingRow(sessionId, row.at)
    const detections = safe.openJson(row.detections, 'cbt_findings.detections', name)
    const intervention =
      row.intervention && safe.openJson(row.intervention, 'cbt_findings.intervention', name)
    return {
      at: row.at.getTime(),
      // A client's page breaks on any other shape, so what does not have it is left out.
      detections: detections.filter((detection) => Value.Check(Detection, detection)),
      intervention: Value.Check(Intervention, intervention) ? intervention : null,
      isCrisis: row.isCrisis,
    }
  })
}

export const reportsRepository = {
  /**
   * The ended session, locked; `busy` while an instance other than `settledBy` may still have results of it on their
   * way: as long as its lease runs, and for `graceMs` after it was ended, which for an abandoned session is later than
   * its end.
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

  find: async (orm: Orm, id: string, part: ReportPart): Promise<FoundSession | undefined> =>
    (await FIND[part](orm).execute({ id }))[0],

  listWindows,

  /** Windows whose owner died between close and answer keep the local answer that was stored with them. */
  async answerOrphans(orm: Orm, sessionId: string): Promise<void> {
    await orm
      .update(emotionWindows)
      .set({ answeredAt: sql`now()`, modelOutcome: 'owner_lost' })
      .where(and(eq(emotionWindows.sessionId, sessionId), isNull(emotionWindows.answeredAt)))
  },

  /** Everything that a report is made from, in order: four statements, however long the session. */
  listRows: async (orm: Orm, sessionId: string, safe: Safe): Promise<ReportedRows> => ({
    windows: await listWindows(orm, sessionId),
    voice: await listVoice(orm, sessionId, safe),
    findings: await listFindings(orm, sessionId, safe),
    conversations: await orm.$count(conversations, eq(conversations.sessionId, sessionId)),
  }),

  /** Up to `limit` answered windows after a number. What is not answered yet may still change. */
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

  /**
   * Ended sessions without a report whose owner has had its time to make it, in the order of their end, behind `after`.
   */
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
