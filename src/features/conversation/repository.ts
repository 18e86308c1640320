import { and, desc, eq, isNotNull, like, lt, or, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import {
  cbtFindings,
  conversationLocks,
  conversations,
  emotionWindows,
  modelAllowances,
  sessions,
} from '../../db/schema/index.ts'
import { findSessionOwner } from '../../db/session-row.ts'
import { mayStore, storing } from '../../db/storable.ts'
import type { Detection, Intervention } from '../../domain/cbt/distortion.ts'
import type { Emotion } from '../../domain/emotion.ts'
import type { AnswerSource } from '../../domain/session.ts'

export type ExchangeRow = {
  readonly sessionId: string
  readonly message: string
  readonly response: string
  readonly emotion: Emotion | null
  readonly source: AnswerSource
  /** Identifies the exchange within its session: a session has one at a time. */
  readonly createdAt: Date
}

export type FindingRow = {
  readonly sessionId: string
  readonly at: Date
  readonly detections: readonly Detection[]
  readonly intervention: Intervention | null
  readonly isCrisis: boolean
}

export const conversationRepository = {
  findSession: async (orm: Orm, id: string) =>
    (
      await orm
        .select({ status: sessions.status, language: sessions.language })
        .from(sessions)
        .where(eq(sessions.id, id))
        .limit(1)
    )[0],

  findOwner: findSessionOwner,

  /** Newest first. */
  listRecentEmotions: (orm: Orm, sessionId: string, limit: number) =>
    orm
      .select({
        window: emotionWindows.window,
        emotion: emotionWindows.emotion,
        confidence: emotionWindows.confidence,
      })
      .from(emotionWindows)
      .where(and(eq(emotionWindows.sessionId, sessionId), isNotNull(emotionWindows.answeredAt)))
      .orderBy(desc(emotionWindows.window))
      .limit(limit),

  /** Newest first. */
  listExchanges: (orm: Orm, sessionId: string, limit: number) =>
    orm
      .select({
        message: conversations.message,
        response: conversations.response,
        createdAt: conversations.createdAt,
      })
      .from(conversations)
      .where(eq(conversations.sessionId, sessionId))
      .orderBy(desc(conversations.id))
      .limit(limit),

  /** Stores the exchange once, also if repeated, and returns its id; undefined when storing is not allowed. */
  insertExchange: async (
    orm: Orm,
    { sessionId, createdAt, ...exchange }: ExchangeRow,
    isConsentRequired: boolean,
  ): Promise<number | undefined> =>
    orm.transaction(async (tx) => {
      const [session] = await tx
        .select({ id: storing.id })
        .from(storing)
        .where(and(eq(storing.id, sessionId), mayStore(isConsentRequired)))
        .for('no key update') // an earlier attempt without a response may still be in progress
      if (session === undefined) return undefined
      const [existing] = await tx
        .select({ id: conversations.id })
        .from(conversations)
        .where(and(eq(conversations.sessionId, sessionId), eq(conversations.createdAt, createdAt)))
      if (existing !== undefined) return existing.id
      const [row] = await tx
        .insert(conversations)
        .values({ sessionId, createdAt, ...exchange })
        .returning({ id: conversations.id })
      return row?.id
    }),

  /**
   * Stores each finding once, also if repeated or concurrent. Skips findings of deleted sessions and of sessions for
   * which storing is not allowed. A flag of self-harm is stored even if another finding of the same time exists.
   */
  async insertFindings(orm: Orm, findings: readonly FindingRow[], isConsentRequired: boolean): Promise<void> {
    const rows = JSON.stringify(
      findings.map(({ sessionId, isCrisis, ...rest }) => ({ id: sessionId, crisis: isCrisis, ...rest })),
    )
    await orm.execute(sql`
      insert into ${cbtFindings} (session_id, at, detections, intervention, is_crisis)
      select s.id, f.at, f.detections, nullif(f.intervention, 'null'::jsonb), f.crisis
      from jsonb_to_recordset(${rows}::text::jsonb)
        as f (id text, at timestamptz, detections jsonb, intervention jsonb, crisis boolean)
      join ${sessions} s on s.id = f.id and ${mayStore(isConsentRequired)}
      order by s.id, f.at
      on conflict (session_id, at) do update set is_crisis = true
      where excluded.is_crisis and not ${cbtFindings}.is_crisis`)
  },

  /** The latest flag of self-harm of each session, if it is newer than the time (ms) given for the session. */
  listFlagsSince: async (
    orm: Orm,
    since: ReadonlyMap<string, number>,
  ): Promise<{ id: string; at: number }[]> => {
    const rows = await orm.execute<{ id: string; at: number }>(sql`
      select asked.id, trunc(extract(epoch from max(f.at)) * 1000)::float8 as at
      from unnest(string_to_array(${[...since.keys()].join(',')}, ','),
        string_to_array(${[...since.values()].join(',')}, ',')::float8[]) as asked (id, since)
      join ${cbtFindings} f on f.session_id = asked.id and f.at > to_timestamp(asked.since / 1000) and f.is_crisis
      group by asked.id`)
    return rows.map(({ id, at }) => ({ id, at }))
  },

  /** Flags of self-harm first, then the offers of the session, newest first. */
  listFlagsAndOffers: (orm: Orm, sessionId: string, limit: number) =>
    orm
      .select({
        at: cbtFindings.at,
        intervention: cbtFindings.intervention,
        isCrisis: cbtFindings.isCrisis,
      })
      .from(cbtFindings)
      .where(
        and(
          eq(cbtFindings.sessionId, sessionId),
          or(cbtFindings.isCrisis, isNotNull(cbtFindings.intervention)),
        ),
      )
      .orderBy(desc(cbtFindings.isCrisis), desc(cbtFindings.id))
      .limit(limit),

  /**
   * Acquires the session's answer lock for at most `ms`; false while another answer holds it. Returns true without a
   * lock for a deleted session.
   */
  acquireLock: async (
    orm: Orm,
    { sessionId, holder, ms }: { sessionId: string; holder: string; ms: number },
  ): Promise<boolean> => {
    const rows = await orm.execute<{ isOurs: boolean }>(sql`
      with session as (select id from ${sessions} where id = ${sessionId}),
      acquired as (
        insert into ${conversationLocks} as held (session_id, holder, expires_at)
        select id, ${holder}, now() + ${ms}::float8 * interval '1 millisecond' from session
        on conflict (session_id) do update set holder = excluded.holder, expires_at = excluded.expires_at
        where held.expires_at < now()
        returning 1
      )
      select exists (select from acquired) or not exists (select from session) as "isOurs"`)
    return rows[0]?.isOurs === true
  },

  async releaseLock(orm: Orm, sessionId: string, holder: string): Promise<void> {
    await orm
      .delete(conversationLocks)
      .where(and(eq(conversationLocks.sessionId, sessionId), eq(conversationLocks.holder, holder)))
  },

  /** Deletes locks that were not released, also those that the previous version stored among the allowances. */
  async deleteExpiredLocks(orm: Orm): Promise<void> {
    await orm.delete(conversationLocks).where(lt(conversationLocks.expiresAt, sql`now()`))
    await orm
      .delete(modelAllowances)
      .where(and(like(modelAllowances.key, 'counsellor %'), lt(modelAllowances.filledAt, sql`now()`)))
  },
}
