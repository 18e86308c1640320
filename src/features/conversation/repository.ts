import { and, desc, eq, isNotNull, lt, or, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import {
  cbtFindings,
  conversations,
  emotionWindows,
  modelAllowances,
  sessions,
} from '../../db/schema/index.ts'
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
  /** With the session it names the exchange: a session has one at a time. */
  readonly createdAt: Date
}

export type FindingRow = {
  readonly sessionId: string
  readonly at: Date
  readonly detections: readonly Detection[]
  readonly intervention: Intervention | null
  readonly isCrisis: boolean
}

/** The right of one instance to answer in a session: a row among the allowances. */
const turnKey = (sessionId: string) => `counsellor ${sessionId}`
const ABANDONED = 'counsellor %'

export const conversationRepository = {
  findSession: async (orm: Orm, id: string) =>
    (
      await orm
        .select({ status: sessions.status, language: sessions.language })
        .from(sessions)
        .where(eq(sessions.id, id))
        .limit(1)
    )[0],

  /** Whose session it is; undefined when it is gone. */
  findOwner: async (orm: Orm, sessionId: string): Promise<number | undefined> =>
    (await orm.select({ userId: sessions.userId }).from(sessions).where(eq(sessions.id, sessionId)))[0]
      ?.userId,

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

  /** Stores the exchange once, however often it is tried, and returns its number; undefined when nothing may be stored. */
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
        .for('no key update') // an earlier try whose answer was lost may still be under way
      if (session === undefined) return undefined
      const [known] = await tx
        .select({ id: conversations.id })
        .from(conversations)
        .where(and(eq(conversations.sessionId, sessionId), eq(conversations.createdAt, createdAt)))
      if (known !== undefined) return known.id
      const [row] = await tx
        .insert(conversations)
        .values({ sessionId, createdAt, ...exchange })
        .returning({ id: conversations.id })
      return row?.id
    }),

  /**
   * Stores each finding once, however often it is tried, and by however many at a time; those of sessions that are gone,
   * or of which nothing may be stored, are passed over. A flag of self-harm is kept even where another finding of the same moment is stored already.
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

  /** The latest flag of self-harm in each of the sessions, if it was raised after the time (ms) that stands with it. */
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

  /** Flags of self-harm before everything else, then what was offered in the session, newest first. */
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

  /** Takes the session's turn for at most `ms`; false while another instance has it. `holder` gives it back. */
  takeTurn: async (orm: Orm, sessionId: string, holder: number, ms: number): Promise<boolean> => {
    const filledAt = sql`now() + ${ms} * interval '1 millisecond'`
    const rows = await orm
      .insert(modelAllowances)
      .values({ key: turnKey(sessionId), level: holder, filledAt })
      .onConflictDoUpdate({
        target: modelAllowances.key,
        set: { level: holder, filledAt },
        setWhere: lt(modelAllowances.filledAt, sql`now()`),
      })
      .returning({ key: modelAllowances.key })
    return rows.length > 0
  },

  async giveTurnBack(orm: Orm, sessionId: string, holder: number): Promise<void> {
    await orm
      .delete(modelAllowances)
      .where(and(eq(modelAllowances.key, turnKey(sessionId)), eq(modelAllowances.level, holder)))
  },

  /** Turns whose holders died with them. */
  async deleteOldTurns(orm: Orm): Promise<void> {
    await orm
      .delete(modelAllowances)
      .where(and(sql`${modelAllowances.key} like ${ABANDONED}`, lt(modelAllowances.filledAt, sql`now()`)))
  },
}

export type ConversationRepository = typeof conversationRepository
