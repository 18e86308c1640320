import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchDatabase } from './database.ts'
import type { Fleet } from './fleet.ts'

/** A span in which every socket sent frames, ms since the epoch. */
export type Span = { readonly from: number; readonly to: number }

/** A fleet and the URLs that it joined. */
type JoinedFleet = { readonly fleet: Fleet; readonly urls: readonly string[] }

/** The outcome of every window that closed in a span, by the schedule of the sessions, not by stored rows. */
export type Ledger = {
  readonly closed: number
  /** Windows with a stored answer, and windows whose answer reached a socket. */
  readonly stored: number
  readonly delivered: number
  /** Windows by source and outcome, most frequent first. */
  readonly answeredBy: readonly (readonly [who: string, count: number])[]
  /** Answers that arrived more than so many ms after the close. */
  readonly late: number
  /** The slowest answer, ms after the close. */
  readonly latestMs: number
  /** Windows whose answer reached no socket or is not stored. */
  readonly lost: number
  /** Windows whose answer arrived more than once. */
  readonly twice: number
  /** Answers without a frame, or with a label that differs from the scores. */
  readonly unmeasured: number
  /** Null when a model's price is unknown. */
  readonly costMicroUsd: number | null
}

/** A window with frames this long before its close is not empty. */
const SURELY_FED_MS = 1000
const LOOK_MS = 100

const keyOf = (socket: number, window: number) => `${socket} ${window}`

/** Waits for all expected answers, for at most `patienceMs`, and counts them. */
export async function balance(
  { sql }: BenchDatabase,
  { fleet, urls }: JoinedFleet,
  span: Span,
  { lateMs, patienceMs }: { readonly lateMs: number; readonly patienceMs: number },
): Promise<Ledger> {
  const socketOf = new Map(urls.map((url, socket) => [url.slice(url.lastIndexOf('/') + 1), socket]))
  const sessions = await sql`
    select id, interval_ms as every, extract(epoch from started_at)::float8 * 1000 as started from sessions`
  const due = new Set<string>()
  for (const session of sessions) {
    const [every, started] = [Number(session['every']), Number(session['started'])]
    const socket = socketOf.get(String(session['id']))
    const first = Math.ceil((span.from + SURELY_FED_MS - started) / every)
    for (let window = first; started + window * every <= span.to; window++) {
      if (socket !== undefined) due.add(keyOf(socket, window))
    }
  }
  const getReceived = () => fleet.updates.filter(({ socket, window }) => due.has(keyOf(socket, window)))
  const distinct = () => new Set(getReceived().map(({ socket, window }) => keyOf(socket, window))).size
  for (const end = Date.now() + patienceMs; distinct() < due.size && Date.now() < end; ) await sleep(LOOK_MS)

  const rows = (
    await sql`
      select session_id as id, "window", source, coalesce(model_outcome, 'not asked') as outcome,
        frames_analysed > 0 and (scores ->> emotion)::float8 >= all (
          select value::float8 from jsonb_each_text(scores)) as measured,
        prompt_tokens as tokens, cost_micro_usd as cost
      from emotion_windows where answered_at is not null`
  ).filter((row) => due.has(keyOf(socketOf.get(String(row['id'])) ?? -1, Number(row['window']))))
  const by = new Map<string, number>()
  for (const row of rows) {
    const who = `${String(row['source'])}, ${String(row['outcome'])}`
    by.set(who, (by.get(who) ?? 0) + 1)
  }
  const paid = rows.filter((row) => row['tokens'] !== null)
  return {
    closed: due.size,
    stored: rows.length,
    delivered: distinct(),
    answeredBy: [...by].sort(([, a], [, b]) => b - a),
    late: getReceived().filter((update) => update.lateMs > lateMs).length,
    latestMs: Math.max(0, ...getReceived().map((update) => update.lateMs)),
    lost: due.size - Math.min(distinct(), rows.length),
    twice: getReceived().length - distinct(),
    unmeasured: rows.filter((row) => row['measured'] !== true).length,
    costMicroUsd: paid.some((row) => row['cost'] === null)
      ? null
      : paid.reduce((total, row) => total + Number(row['cost']), 0),
  }
}
