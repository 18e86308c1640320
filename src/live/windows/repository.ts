import { getTableColumns } from 'drizzle-orm'
import type postgres from 'postgres'
import { type Client, createJsonBatch, runBatch } from '../../db/json-batch.ts'
import { emotionWindows } from '../../db/schema/index.ts'

export type { Client }

export type WindowRow = typeof emotionWindows.$inferSelect
export type NewWindowRow = typeof emotionWindows.$inferInsert

/** The lease of a write: it is carried out only while the session's row holds the same owner and epoch. */
export type Fence = { readonly owner: string; readonly epoch: number }

export type Fenced<Row> = Fence & { readonly row: Row }

/**
 * The result of a write: `stored`, now or in an earlier try whose commit was not confirmed; `locked`: another
 * transaction has the session's row at the moment; `behind`: the row's epoch is lower than ours, so the database has lost
 * our claim; `lost`: the lease is another owner's; `deleted`: the session is deleted; `missing`: there is no such window;
 * `taken`: an earlier owner has stored or answered it, or its session had ended before it began.
 */
export type Verdict = 'stored' | 'locked' | 'behind' | 'lost' | 'deleted' | 'missing' | 'taken'

/** A window, with what the session has learnt of its person when it closed. */
export type WindowWrite = Fenced<NewWindowRow> & { readonly learnt?: Uint8Array }

type WindowKey = { readonly sessionId: string; readonly window: number }

export const ANSWER_KEYS = [
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
export type Refinement = WindowKey & Fence & Pick<NewWindowRow, (typeof REFINED_KEYS)[number]>

export type ReceivedCount = Fence & { readonly sessionId: string; readonly frames: number }

export type DeliveredWindow = WindowKey & Fence

/** The key of a window in verdicts. */
export const keyOf = ({ sessionId, window }: WindowKey) => `${sessionId} ${window}`

/**
 * The sessions of the batch with their leases now, held still, in one order everywhere, until the write is done. One that
 * is locked elsewhere is passed over, so that it holds up no other.
 */
const LOCKED = `
  select id, lease_owner, lease_epoch, lease_after_window, started_at, interval_ms, ended_at, end_reason
  from sessions where id in (select session_id from batch) order by id for no key update skip locked`

/**
 * Whether the window began before its session's end. That of an abandoned session lies in the past, when its last socket
 * was seen: its last window may have begun later.
 */
export const IS_BEFORE_END = `(locked.ended_at is null or locked.end_reason = 'abandoned'
  or locked.ended_at > locked.started_at + ("window" - 1) * locked.interval_ms::float8 * interval '1 millisecond')`

/** What the fence says of each row of the batch. A word about a stored window may also come after the lease. */
const judged = (mine: 'held' | 'held or given up' = 'held', others = '') => `
  select batch.*, case
      when locked.id is null then
        case when exists (select from sessions where id = session_id) then 'locked' else 'deleted' end
      when lease_epoch = epoch and ${mine === 'held' ? 'lease_owner = owner' : 'coalesce(lease_owner, owner) = owner'} then 'mine'
      when lease_epoch < epoch then 'behind'
      ${others}
      else 'lost'
    end as verdict
  from batch left join locked on locked.id = session_id`

export const ALL_KEYS = Object.keys(getTableColumns(emotionWindows)) as (keyof WindowRow)[] // the table's own
const AT_CLOSE = createJsonBatch(
  emotionWindows,
  ALL_KEYS.filter((key) => !/^refined|^storedAt$|^deliveredAt$/.test(key)),
  { learnt: 'bytea', owner: 'text' },
)

/**
 * `late`: the window ended before the next owner claimed the session, which is live; that owner has no frames of it. It
 * may have our epoch, after a failover that has lost our claim.
 */
const LATE = `when lease_epoch <= epoch + 1 and ended_at is null and "window" <= lease_after_window then 'late'`

const INSERTION = `
  batch as (${AT_CLOSE.sql}), locked as (${LOCKED}), input as (${judged('held', LATE)}),
  stored as (
    insert into emotion_windows (${AT_CLOSE.names.join(', ')})
    select ${AT_CLOSE.names.join(', ')} from input join locked on locked.id = session_id
    where verdict in ('mine', 'late') and ${IS_BEFORE_END}
    on conflict (session_id, "window") do nothing returning session_id, "window", frames_received
  ),
  counted as (
    update sessions set landmark_count = landmark_count + frames, baseline = coalesce(learnt, baseline)
    from (
      select session_id, sum(stored.frames_received) as frames,
        (array_agg(learnt order by "window" desc) filter (where learnt is not null and verdict = 'mine'))[1] as learnt
      from stored join input using (session_id, "window") group by session_id
    ) as received
    where id = received.session_id
  )`

const INSERTED = `
  select session_id, "window", case
      when verdict not in ('mine', 'late') then verdict
      when stored.session_id is not null or earlier.session_id is not null then 'stored'
      else 'taken'
    end as verdict
  from input left join stored using (session_id, "window")
    left join emotion_windows as earlier using (session_id, "window", epoch)`

const INSERT_WINDOWS = `with ${INSERTION} ${INSERTED}`

/** `column = input.column` for each of them. */
const assignments = (keys: readonly (keyof WindowRow)[]) =>
  keys.map((key) => `${emotionWindows[key].name} = input.${emotionWindows[key].name}`).join(', ')

const ANSWER = createJsonBatch(emotionWindows, ['sessionId', 'window', 'epoch', ...ANSWER_KEYS], {
  owner: 'text',
})

/** A late answer counts only for a window that this transaction has stored: the new owner has answered the others. */
const UPDATE_ANSWERS = `
  with batch as (${ANSWER.sql}), locked as (${LOCKED}), input as (${judged('held', LATE)}),
  changed as (
    update emotion_windows as stored set answered_at = now(), ${assignments(ANSWER_KEYS)} from input
    where stored.session_id = input.session_id and stored."window" = input."window" and stored.answered_at is null
      and (verdict = 'mine' or verdict = 'late' and stored.epoch = input.epoch and stored.stored_at = now()::timestamptz(3))
    returning stored.session_id, stored."window"
  )
  select session_id, "window", case
      when verdict not in ('mine', 'late') then verdict
      when changed.session_id is not null then 'stored'
      when before.session_id is null then 'missing'
      when before.answered_at is not null and before.epoch = input.epoch
        and before.model_outcome is not distinct from input.model_outcome then 'stored'
      when verdict = 'late' then 'lost'
      else 'taken'
    end as verdict
  from input left join changed using (session_id, "window")
    left join emotion_windows as before using (session_id, "window")`

const REFINED = createJsonBatch(emotionWindows, ['sessionId', 'window', 'epoch', ...REFINED_KEYS], {
  owner: 'text',
})

const UPDATE_REFINED = `
  with batch as (${REFINED.sql}), locked as (${LOCKED}), input as (${judged('held or given up')}),
  changed as (
    update emotion_windows as stored set ${assignments(REFINED_KEYS)} from input
    where verdict = 'mine' and stored.session_id = input.session_id and stored."window" = input."window"
    returning stored.session_id, stored."window"
  )
  select session_id, "window",
    case when verdict <> 'mine' then verdict when changed.session_id is null then 'missing' else 'stored' end as verdict
  from input left join changed using (session_id, "window")`

const COUNT_RECEIVED = `
  with batch as (
    select session_id, owner, epoch, sum(frames) as frames
    from json_to_recordset($1::json) as input (session_id text, owner text, epoch integer, frames bigint)
    group by session_id, owner, epoch
  ),
  locked as (${LOCKED}), input as (${judged()}),
  counted as (
    update sessions set landmark_count = landmark_count + frames
    from input where verdict = 'mine' and sessions.id = session_id
  )
  select session_id, epoch as "window", case verdict when 'mine' then 'stored' else verdict end as verdict from input`

/** The session's row is not locked for a mark; a window whose row is locked elsewhere is marked later. */
const marking = (parameter: '$1' | '$2') => `
  sent as (
    select * from json_to_recordset(${parameter}::json)
      as input (session_id text, "window" integer, owner text, epoch integer)
  ),
  due as (
    select session_id, "window" from sent join sessions on sessions.id = session_id
    where lease_epoch = epoch and coalesce(lease_owner, owner) = owner
  ),
  free as (
    select stored.session_id, stored."window" from emotion_windows as stored join due using (session_id, "window")
    where delivered_at is null for no key update of stored skip locked
  ),
  marked as (
    update emotion_windows as stored set delivered_at = now() from free
    where stored.session_id = free.session_id and stored."window" = free."window"
  )`

const UNMARKED = `
  select session_id, "window", 'locked' as verdict
  from due join emotion_windows using (session_id, "window") left join free using (session_id, "window")
  where delivered_at is null and free.session_id is null`

const MARK_DELIVERED = `with ${marking('$1')} ${UNMARKED}`

const INSERT_AND_MARK = `
  with ${INSERTION}, ${marking('$2')}
  select 'window' as kind, inserted.* from (${INSERTED}) as inserted
  union all select 'delivered', unmarked.* from (${UNMARKED}) as unmarked`

export type Verdicts = ReadonlyMap<string, Verdict>

const verdictsOf = (rows: readonly postgres.Row[]): Verdicts =>
  new Map(
    rows.map((row) => [
      keyOf({ sessionId: String(row['session_id']), window: Number(row['window']) }),
      row['verdict'] as Verdict, // the statements above say no other word
    ]),
  )

const fenced = <Row>({ owner, epoch, row }: Fenced<Row>) => ({ ...row, owner, epoch })

const atClose = (writes: readonly WindowWrite[]) =>
  AT_CLOSE.toJson(writes.map((write) => ({ ...fenced(write), learnt: write.learnt })))

const marksOf = (windows: readonly DeliveredWindow[]) =>
  JSON.stringify(windows.map(({ sessionId, ...rest }) => ({ session_id: sessionId, ...rest })))

/** The writes of the loop, each one statement for any number of windows. */
export const windowWrites = {
  /**
   * Stores windows once and says of each what became of it; one that was stored in an earlier try of ours whose commit
   * was never confirmed, same window, same lease, is stored. One that is there already stays as it is; one whose lease has
   * passed on, or whose session is gone, is not stored. Locks on the sessions make a change of owner wait until the
   * windows it must know of are there. What the session has learnt goes into its row with them.
   */
  insertWindows: async (client: Client, writes: readonly WindowWrite[]) =>
    verdictsOf(await runBatch(client, INSERT_WINDOWS, writes, atClose(writes))),

  keyOf,

  /** Adds the model's outcome to windows that are stored and still without one. */
  updateAnswers: async (client: Client, writes: readonly Fenced<AnswerRow>[]) =>
    verdictsOf(await runBatch(client, UPDATE_ANSWERS, writes, ANSWER.toJson(writes.map(fenced)))),

  /** Keys are those of a session's `epoch` as its window. */
  updateReceived: async (client: Client, counts: readonly ReceivedCount[]) => {
    const received = counts.map(({ sessionId, ...rest }) => ({ session_id: sessionId, ...rest }))
    return verdictsOf(await runBatch(client, COUNT_RECEIVED, counts, JSON.stringify(received)))
  },

  /** Says only of windows that are locked elsewhere what became of them. */
  updateDelivered: async (client: Client, windows: readonly DeliveredWindow[]) =>
    verdictsOf(await runBatch(client, MARK_DELIVERED, windows, marksOf(windows))),

  /**
   * Both in one statement, which needs no transaction. No mark may be of a window that is inserted with it: parts of a
   * statement do not see each other's rows.
   */
  async insertAndMark(client: Client, writes: readonly WindowWrite[], sent: readonly DeliveredWindow[]) {
    const parameters = [atClose(writes), marksOf(sent)]
    const rows = await client.unsafe(INSERT_AND_MARK, parameters, { prepare: true })
    const of = (kind: string) => verdictsOf(rows.filter((row) => row['kind'] === kind))
    return { window: of('window'), delivered: of('delivered') }
  },

  updateRefined: async (client: Client, refinements: readonly Refinement[]) =>
    verdictsOf(await runBatch(client, UPDATE_REFINED, refinements, REFINED.toJson(refinements))),
}
