import { and, desc, eq, getTableColumns, gt, isNotNull, isNull, sql } from 'drizzle-orm'
import type postgres from 'postgres'
import type { Orm } from '../../db/orm.ts'
import { baselines, emotionWindows, sessions, userPreferences } from '../../db/schema/index.ts'

export type WindowRow = typeof emotionWindows.$inferSelect
export type NewWindowRow = typeof emotionWindows.$inferInsert

/** A write that is made only while the session's lease has this epoch. */
export type Fenced<Row> = { readonly epoch: number; readonly row: Row }

/** A window, with what the session has learnt of its person when it closed. */
export type WindowWrite = Fenced<NewWindowRow> & { readonly learnt?: Uint8Array }

type WindowKey = { readonly sessionId: string; readonly window: number }

const ANSWER_KEYS = [
  'emotion',
  'confidence',
  'uncertain',
  'scores',
  'valence',
  'arousal',
  'dominance',
  'source',
  'model',
  'modelOutcome',
  'latencyMs',
  'promptHash',
  'promptTokens',
  'answerTokens',
  'costMicroUsd',
  'localEmotion',
  'localConfidence',
  'localScores',
  'sttSnippet',
  'intervention',
] as const

/** The answer of a window whose local answer was stored at its close. */
export type AnswerRow = WindowKey & Pick<NewWindowRow, (typeof ANSWER_KEYS)[number]>

const REFINED_KEYS = [
  'refinedEmotion',
  'refinedConfidence',
  'refinedScores',
  'refinedValence',
  'refinedArousal',
  'refinedDominance',
  'refinedModel',
  'refinedLatencyMs',
  'promptHash',
  'promptTokens',
  'answerTokens',
  'costMicroUsd',
] as const

/** What the model said after the window had been answered without it. */
export type Refinement = WindowKey & { readonly epoch: number } & Pick<
    NewWindowRow,
    (typeof REFINED_KEYS)[number]
  >

export type ReceivedCount = { readonly sessionId: string; readonly epoch: number; readonly frames: number }

const keyOf = ({ sessionId, window }: WindowKey) => `${sessionId} ${window}`

/**
 * What writes: the pool or a transaction of the driver. The loop's writes are prepared statements that take whole batches
 * as one JSON parameter, one round trip each; through the query layer a window costs a dozen.
 */
export type Client = Pick<postgres.ISql, 'unsafe'>

/** Rows as one JSON parameter that a statement reads as a table; `more` are columns that no window has. */
function inputOf(keys: readonly (keyof WindowRow)[], more: Readonly<Record<string, string>> = {}) {
  const columns = keys.map((key) => emotionWindows[key])
  const types = [
    ...columns.map((column) => `"${column.name}" ${column.getSQLType()}`),
    ...Object.entries(more).map(([name, type]) => `"${name}" ${type}`),
  ]
  return {
    names: columns.map(({ name }) => `"${name}"`),
    sql: `select * from json_to_recordset($1::json) as batch (${types.join(', ')})`,
    toJson: (rows: readonly (Partial<NewWindowRow> & Readonly<Record<string, unknown>>)[]) =>
      JSON.stringify(
        rows.map((row) => {
          const window = keys.map((key, i) => [columns[i]?.name ?? key, toJsonValue(row[key])] as const)
          const rest = Object.keys(more).map((name) => [name, toJsonValue(row[name])] as const)
          return Object.fromEntries<unknown>([...window, ...rest])
        }),
      ),
  }
}

/** Bytes in the notation of Postgres; times become ISO 8601 by themselves. */
const toJsonValue = (value: unknown) =>
  value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : value

/** The sessions of the batch with their epochs now, held still, in one order everywhere, until the write is done. */
const LOCKED = `
  select id, lease_epoch, started_at, interval_ms, ended_at from sessions
  where id in (select session_id from batch) order by id for no key update`

const ALL_KEYS = Object.keys(getTableColumns(emotionWindows)) as (keyof WindowRow)[] // the table's own
const AT_CLOSE = inputOf(
  ALL_KEYS.filter((key) => !/^refined|^storedAt$|^deliveredAt$/.test(key)),
  { learnt: 'bytea' },
)

const INSERT_WINDOWS = `
  with batch as (${AT_CLOSE.sql}), locked as (${LOCKED}),
  allowed as (
    select batch.* from batch join locked on id = session_id and lease_epoch = epoch
    where ended_at is null
      or ended_at > started_at + ("window" - 1) * interval_ms::float8 * interval '1 millisecond'
  ),
  stored as (
    insert into emotion_windows (${AT_CLOSE.names.join(', ')}) select ${AT_CLOSE.names.join(', ')} from allowed
    on conflict (session_id, "window") do nothing returning session_id, "window", frames_received
  ),
  counted as (
    update sessions set landmark_count = landmark_count + frames, baseline = coalesce(learnt, baseline)
    from (
      select session_id, sum(stored.frames_received) as frames,
        (array_agg(learnt order by "window" desc) filter (where learnt is not null))[1] as learnt
      from stored join batch using (session_id, "window") group by session_id
    ) as received
    where id = received.session_id
  )
  select session_id, "window" from stored
  union all select session_id, "window" from emotion_windows join allowed using (session_id, "window", epoch)`

/** `column = input.column` for each of them. */
const assignments = (keys: readonly (keyof WindowRow)[]) =>
  keys.map((key) => `${emotionWindows[key].name} = input.${emotionWindows[key].name}`).join(', ')

const ANSWER = inputOf(['sessionId', 'window', 'epoch', ...ANSWER_KEYS])

const UPDATE_ANSWERS = `
  with batch as (${ANSWER.sql}), locked as (${LOCKED}),
  input as (select batch.* from batch join locked on id = session_id and lease_epoch = epoch),
  changed as (
    update emotion_windows as stored set answered_at = now(), ${assignments(ANSWER_KEYS)} from input
    where stored.session_id = input.session_id and stored."window" = input."window" and stored.answered_at is null
    returning stored.session_id, stored."window"
  )
  select session_id, "window" from changed
  union all
  select session_id, "window" from emotion_windows as stored join input using (session_id, "window", epoch)
  where stored.answered_at is not null and stored.model_outcome is not distinct from input.model_outcome`

const REFINED = inputOf(['sessionId', 'window', 'epoch', ...REFINED_KEYS])

const UPDATE_REFINED = `
  with batch as (${REFINED.sql}), locked as (${LOCKED}),
  input as (select batch.* from batch join locked on id = session_id and lease_epoch = epoch)
  update emotion_windows as stored set ${assignments(REFINED_KEYS)} from input
  where stored.session_id = input.session_id and stored."window" = input."window"`

const COUNT_RECEIVED = `
  with batch as (
    select session_id, epoch, sum(frames) as frames
    from json_to_recordset($1::json) as input (session_id text, epoch integer, frames bigint)
    group by session_id, epoch
  ),
  locked as (${LOCKED})
  update sessions set landmark_count = landmark_count + frames
  from batch join locked on locked.id = session_id and locked.lease_epoch = epoch where sessions.id = session_id`

const MARK_DELIVERED = `
  update emotion_windows as stored set delivered_at = now()
  from json_to_recordset($1::json) as input (session_id text, "window" integer)
  where stored.session_id = input.session_id and stored."window" = input."window" and delivered_at is null`

/** One prepared statement with one JSON parameter; nothing for an empty batch. */
const run = async (client: Client, statement: string, rows: readonly unknown[], json: string) =>
  rows.length === 0 ? [] : client.unsafe(statement, [json], { prepare: true })

const keysOf = (rows: readonly postgres.Row[]): ReadonlySet<string> =>
  new Set(rows.map((row) => keyOf({ sessionId: String(row['session_id']), window: Number(row['window']) })))

const underEpoch = <Row>({ epoch, row }: Fenced<Row>) => ({ ...row, epoch })

/** Whether the person's neutral face may be kept from session to session. */
/** Whose session ended because they took their consent back lets nothing of it be kept. */
const NOT_TAKEN_BACK = sql`${sessions.endReason} is distinct from 'consent_withdrawn'`
const CARRIES = sql`${userPreferences.preferences} -> 'carryBaseline' = 'true'::jsonb`

export const analysisRepository = {
  /**
   * Stores windows once and returns the keys of those it stored, now or in an earlier try of ours whose commit was never
   * confirmed: same window, same lease. One that is there already stays as it is; one whose lease has passed on, whose
   * session is gone, or that began after its session's end, is not stored. Locks on the sessions make a change of owner wait until the windows it must
   * know of are there. What the session has learnt goes into its row with them.
   */
  insertWindows: async (client: Client, writes: readonly WindowWrite[]) =>
    keysOf(
      await run(
        client,
        INSERT_WINDOWS,
        writes,
        AT_CLOSE.toJson(writes.map((write) => ({ ...underEpoch(write), learnt: write.learnt }))),
      ),
    ),

  keyOf,

  /** Adds the model's outcome to windows that are stored and still without one; returns the keys that now have it. */
  updateAnswers: async (client: Client, writes: readonly Fenced<AnswerRow>[]) =>
    keysOf(await run(client, UPDATE_ANSWERS, writes, ANSWER.toJson(writes.map(underEpoch)))),

  async updateReceived(client: Client, counts: readonly ReceivedCount[]): Promise<void> {
    const received = counts.map(({ sessionId, epoch, frames }) => ({ session_id: sessionId, epoch, frames }))
    await run(client, COUNT_RECEIVED, counts, JSON.stringify(received))
  },

  async updateDelivered(client: Client, windows: readonly WindowKey[]): Promise<void> {
    const sent = windows.map(({ sessionId, window }) => ({ session_id: sessionId, window }))
    await run(client, MARK_DELIVERED, windows, JSON.stringify(sent))
  },

  async updateRefined(client: Client, refinements: readonly Refinement[]): Promise<void> {
    await run(client, UPDATE_REFINED, refinements, REFINED.toJson(refinements))
  },

  /** Windows whose owner died between close and answer get the local answer that was stored with them. */
  async answerOrphans(orm: Orm, sessionId: string): Promise<void> {
    await orm
      .update(emotionWindows)
      .set({ answeredAt: sql`now()`, modelOutcome: 'owner_lost' })
      .where(and(eq(emotionWindows.sessionId, sessionId), isNull(emotionWindows.answeredAt)))
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
      .innerJoin(userPreferences, eq(userPreferences.userId, sessions.userId))
      .where(and(eq(sessions.id, sessionId), CARRIES, NOT_TAKEN_BACK))
      .limit(1)
    return row
  },

  /** Keeps it for the person's next session, if that is still allowed now. */
  async carry(orm: Orm, userId: number, learnt: Uint8Array): Promise<void> {
    // Held until the write is done: who forbids it in the same moment finds it written, and erases it.
    const allowed = orm
      .select({
        userId: userPreferences.userId,
        measures: sql<Uint8Array>`${sql.param(learnt, baselines.measures)}::bytea`.as('measures'),
        updatedAt: sql`now()`.as('updated_at'),
      })
      .from(userPreferences)
      .where(and(eq(userPreferences.userId, userId), CARRIES))
      .for('share')
    await orm
      .insert(baselines)
      .select(allowed)
      .onConflictDoUpdate({
        target: baselines.userId,
        set: { measures: sql`excluded.measures`, updatedAt: sql`now()` },
      })
  },

  findOwner: async (orm: Orm, sessionId: string): Promise<number | undefined> =>
    (await orm.select({ userId: sessions.userId }).from(sessions).where(eq(sessions.id, sessionId)))[0]
      ?.userId,

  findLastWindow: async (orm: Orm, sessionId: string): Promise<number> => {
    const [row] = await orm
      .select({ window: emotionWindows.window })
      .from(emotionWindows)
      .where(eq(emotionWindows.sessionId, sessionId))
      .orderBy(desc(emotionWindows.window))
      .limit(1)
    return row?.window ?? 0
  },
}

export type AnalysisRepository = typeof analysisRepository
