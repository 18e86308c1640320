import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchDatabase } from './database.ts'
import type { Fleet } from './fleet.ts'

/** A stretch of time in which frames came on every socket, ms since the epoch. */
export type Span = { readonly from: number; readonly to: number }

/** What became of every window that closed in a span, by the schedule of the sessions and not by what is stored. */
export type Ledger = {
  readonly closed: number
  /** Windows whose answer is stored, and windows of which a socket was told. */
  readonly stored: number
  readonly delivered: number
  /** Windows by who answered and why not the model, most first. */
  readonly answeredBy: readonly (readonly [who: string, count: number])[]
  /** Answers that came more than so many ms after the close. */
  readonly late: number
  /** The slowest answer, ms after the close. */
  readonly latestMs: number
  /** Windows of which no socket was told, or of which no answer is stored. */
  readonly lost: number
  /** Windows of which a socket was told more than once. */
  readonly twice: number
  /** Answers that no frame stands behind, or whose label is not the one that its scores say. */
  readonly unmeasured: number
  /** Null when a model's price is not known. */
  readonly costMicroUsd: number | null
}

/** A window that had frames this long before its close cannot have been empty. */
const SURELY_FED_MS = 1000
const LOOK_MS = 100

const keyOf = (socket: number, window: number) => `${socket} ${window}`

/** Waits until all is answered that should be, `patienceMs` at most, and adds up. `urls` as the fleet has joined them. */
export async function balance(
  { sql }: BenchDatabase,
  fleet: Fleet,
  urls: readonly string[],
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
  const told = () => fleet.updates.filter(({ socket, window }) => due.has(keyOf(socket, window)))
  const distinct = () => new Set(told().map(({ socket, window }) => keyOf(socket, window))).size
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
    late: told().filter((update) => update.lateMs > lateMs).length,
    latestMs: Math.max(0, ...told().map((update) => update.lateMs)),
    lost: due.size - Math.min(distinct(), rows.length),
    twice: told().length - distinct(),
    unmeasured: rows.filter((row) => row['measured'] !== true).length,
    costMicroUsd: paid.some((row) => row['cost'] === null)
      ? null
      : paid.reduce((total, row) => total + Number(row['cost']), 0),
  }
}
