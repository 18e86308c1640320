import type { BenchDatabase } from './database.ts'
import { type NewAccount, newAccount, post, signUp } from './sessions.ts'

export type Person = { readonly id: number; readonly token: string; readonly sessionId: string }

export type Size = {
  readonly users: number
  readonly sessions: number
  /** Windows of each user's last two sessions, and of each earlier one. */
  readonly windows: readonly [last: number, before: number]
}

const AT_ONCE = 8
const DEADLINE_MS = 30_000

/** Inserts windows for all sessions without any, as the analysis stores them, with one statement in the database. */
const insertWindows = ({ sql }: BenchDatabase) => sql`
  insert into emotion_windows (session_id, "window", closed_at, frames_received, frames_analysed, emotion, confidence,
    uncertain, scores, valence, arousal, dominance, source, model, latency_ms, analyser_version, measures, answered_at,
    delivered_at)
  select s.id, n, s.started_at + n * interval '10 seconds', 100, 40, e.emotion, .8, false,
    '{"happy":0.1,"sad":0.1,"angry":0.1,"anxious":0.1,"neutral":0.3,"surprised":0.1,"disgusted":0.1,"fearful":0.1}',
    sin(n), cos(n), sin(2 * n), 'local', 'local-1', 12, 'bench', convert_to(repeat(md5(n::text), 10), 'UTF8'),
    s.started_at + n * interval '10 seconds', s.started_at + n * interval '10 seconds'
  from sessions s
  cross join lateral generate_series(1, greatest(1, (extract(epoch from s.ended_at - s.started_at) / 10)::int)) as n
  cross join lateral (select (array['happy', 'sad', 'neutral', 'anxious'])[1 + n % 4] as emotion) as e
  where not exists (select 1 from emotion_windows w where w.session_id = s.id)`

async function signUpAll(origin: string, count: number): Promise<{ account: NewAccount; token: string }[]> {
  const people: { account: NewAccount; token: string }[] = []
  while (people.length < count) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - people.length) }, async () => {
      const account = newAccount()
      return { account, token: await signUp(origin, account) }
    })
    people.push(...(await Promise.all(batch)))
  }
  return people
}

/** Creates a session with so many windows and ends it over the API, so that the server creates the report. */
async function makeReport(
  origin: string,
  database: BenchDatabase,
  token: string,
  windows: number,
): Promise<string> {
  const { data } = await post(`${origin}/api/session/start`, {}, token)
  const { sessionId } = data as { sessionId: string }
  const { sql } = database
  await sql`update sessions set started_at = now() - ${windows * 10} * interval '1 second', ended_at = now(), status = 'ended'
    where id = ${sessionId}`
  await insertWindows(database)
  await sql`update sessions set ended_at = null, status = 'active' where id = ${sessionId}`
  await post(`${origin}/api/session/${sessionId}/end`, {}, token)
  const headers = { authorization: `Bearer ${token}` }
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const answer = await fetch(`${origin}/api/session/${sessionId}/report`, { headers, signal })
  const report = (await answer.json()) as { data: { reportId: string | null } } // our own server's JSON
  if (report.data.reportId === null) throw new Error('the report was not made in time')
  return report.data.reportId
}

/** Fills a database with users, each with a session per day, and with windows, reports and preferences. */
export async function settle(origin: string, database: BenchDatabase, size: Size): Promise<Person[]> {
  const { sql } = database
  const people = await signUpAll(origin, size.users)
  const [maker] = people
  if (maker === undefined) return []
  const [last, before] = size.windows
  const reports = [
    await makeReport(origin, database, maker.token, last),
    await makeReport(origin, database, maker.token, before),
  ]
  await sql`
    insert into sessions (id, user_id, interval_ms, status, started_at, ended_at, end_reason, finalised_at, changed_at, seen_at)
    select 'sess_' || md5(u.id || '-' || k), u.id, 10000, 'ended', at.start, at.ended, 'requested', at.ended, at.ended, at.ended
    from users u cross join generate_series(1, ${size.sessions}::int) as k
    cross join lateral (select now() - interval '1 hour' - (k - 1) * interval '1 day' as ended) as e
    cross join lateral (select e.ended, e.ended
      - case when k <= 2 then ${last}::int else ${before}::int end * interval '10 seconds' as start) as at`
  await insertWindows(database)
  await sql`
    insert into reports (id, session_id, version, content, generated_at)
    select 'rep_' || s.id, s.id, r.version, r.content, s.ended_at
    from sessions s join reports r on r.id =
      case when s.ended_at - s.started_at >= ${last * 10} * interval '1 second' then ${reports[0] ?? ''} else ${reports[1] ?? ''} end
    where not exists (select 1 from reports o where o.session_id = s.id)`
  await sql`insert into user_preferences (user_id, preferences) select id, '{"fontScale":"lg","theme":"dark"}' from users`
  await sql`vacuum analyze`
  const rows = await sql<{ id: string; email: string; session: string }[]>`
    select u.id, u.email, 'sess_' || md5(u.id || '-1') as session from users u`
  const byEmail = new Map(rows.map((row) => [row.email, row]))
  return people.flatMap(({ account, token }) => {
    const row = byEmail.get(account.email)
    return row === undefined ? [] : [{ id: Number(row.id), token, sessionId: row.session }]
  })
}
