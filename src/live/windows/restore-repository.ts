import { type Client, createJsonBatch, runBatch } from '../../db/json-batch.ts'
import { emotionWindows } from '../../db/schema/index.ts'
import { ALL_KEYS, ANSWER_KEYS, IS_BEFORE_END, keyOf, type NewWindowRow } from './repository.ts'

/** The epoch says who stored a window first; delivery and refinement are restored with it. */
const AT_RESTORE = createJsonBatch(
  emotionWindows,
  ALL_KEYS.filter((key) => key !== 'storedAt'),
)

const ANSWERED_COLUMNS = ['answeredAt' as const, ...ANSWER_KEYS].map((key) => emotionWindows[key].name)

/**
 * No fence: these windows were committed once under a lease that was valid then, so no other owner has answered them. A
 * session that has been deleted since is not there, and one whose consent was withdrawn is passed over. A row that is
 * locked is waited for, for results that waited for the database are written at the same moment.
 */
const RESTORE_WINDOWS = `
  with batch as (${AT_RESTORE.sql}), locked as (
    select id, started_at, interval_ms, ended_at, end_reason from sessions
    where id in (select session_id from batch) and end_reason is distinct from 'consent_withdrawn'
    order by id for no key update
  ),
  restored as (
    insert into emotion_windows as stored (${AT_RESTORE.names.join(', ')})
    select ${AT_RESTORE.names.map((name) => `batch.${name}`).join(', ')}
    from batch join locked on locked.id = session_id
    where ${IS_BEFORE_END}
    on conflict (session_id, "window") do update set
      ${ANSWERED_COLUMNS.map((name) => `"${name}" = excluded."${name}"`).join(', ')}
    where stored.answered_at is null and stored.epoch = excluded.epoch and excluded.answered_at is not null
    returning stored.session_id, stored.frames_received, xmax = 0 as is_new
  ),
  counted as (
    update sessions set landmark_count = landmark_count + frames
    from (
      select session_id, sum(frames_received) as frames from restored where is_new group by session_id
    ) as received
    where id = received.session_id
  )
  select count(*)::int as count from restored`

/** A minute of many sessions is megabytes. */
const RESTORED_AT_ONCE = 200

const FIND_ANSWERED = `
  with batch as (select * from json_to_recordset($1::json) as input (session_id text, "window" integer))
  select session_id, "window" from batch join emotion_windows using (session_id, "window")
  where answered_at is not null`

const restoreSome = async (client: Client, rows: readonly NewWindowRow[]): Promise<number> => {
  const keys = rows.map(({ sessionId, window }) => ({ session_id: sessionId, window }))
  const found = await runBatch(client, FIND_ANSWERED, rows, JSON.stringify(keys))
  const answered = new Set(
    found.map((row) => keyOf({ sessionId: String(row['session_id']), window: Number(row['window']) })),
  )
  const lost = rows.filter((row) => !answered.has(keyOf(row)))
  const [restored] = await runBatch(client, RESTORE_WINDOWS, lost, AT_RESTORE.toJson(lost))
  return Number(restored?.['count'] ?? 0)
}

/** Writes windows again whose commit was confirmed and which a failover has lost. */
export const restoreWrites = {
  /** Stores again those of the rows that are not there, or lack their answer, though they were committed; returns how many. */
  async restoreWindows(client: Client, rows: readonly NewWindowRow[]): Promise<number> {
    let count = 0
    for (let i = 0; i < rows.length; i += RESTORED_AT_ONCE)
      count += await restoreSome(client, rows.slice(i, i + RESTORED_AT_ONCE))
    return count
  },
}
