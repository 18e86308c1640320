import { randomBytes } from 'node:crypto'
import type { BenchDatabase } from './database.ts'

const DEADLINE_MS = 30_000
const AT_ONCE = 8
const WINDOW_MS = 10_000

/** POSTs JSON and returns the parsed response; throws on failure. */
export async function post(url: string, body: object, token?: string): Promise<Record<string, unknown>> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text.slice(0, 200)}`)
  return JSON.parse(text) as Record<string, unknown> // our own server's JSON
}

export type NewAccount = { readonly username: string; readonly email: string; readonly password: string }

export function newAccount(): NewAccount {
  const name = randomBytes(8).toString('hex')
  return { username: name, email: `${name}@example.com`, password: 'password123' }
}

/** Signs up and returns the access token. */
export async function signUp(origin: string, account = newAccount()): Promise<string> {
  const { data } = await post(`${origin}/api/auth/signup`, account)
  return (data as { accessToken: string }).accessToken
}

type Spread = 'spread' | 'together'

/**
 * Starts sessions and returns the URLs of their landmarks sockets. Unless `together`, their windows close evenly spread
 * over ten seconds, as with users who start at different times.
 */
export async function startSessions(
  origin: string,
  database: BenchDatabase,
  count: number,
  how: Spread = 'spread',
): Promise<string[]> {
  const ids = await startSessionsOf(await signUp(origin), { origin, database, count, how })
  return ids.map((id) => landmarksUrl(origin, id))
}

type Start = {
  readonly origin: string
  readonly database: BenchDatabase
  readonly count: number
  readonly how: Spread
}

/** The same for an account; returns the ids. */
export async function startSessionsOf(
  token: string,
  { origin, database: { sql }, count, how }: Start,
): Promise<string[]> {
  const ids: string[] = []
  for (let begun = 0; begun < count; begun += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - begun) }, async () => {
      const { data } = await post(`${origin}/api/session/start`, {}, token)
      return (data as { sessionId: string }).sessionId
    })
    ids.push(...(await Promise.all(batch)))
  }
  if (how === 'spread') {
    await sql`
      update sessions set started_at = now() - make_interval(secs => place.number * ${WINDOW_MS / 1000 / count}::float8)
      from unnest(${ids}::text[]) with ordinality as place (id, number) where sessions.id = place.id`
  }
  return ids
}

export const landmarksUrl = (origin: string, id: string): string =>
  `${origin.replace('http', 'ws')}/ws/landmarks/${id}`

/** The URL of the same socket on another instance. */
export const onInstance = (url: string, origin: string): string =>
  `${origin.replace('http', 'ws')}${new URL(url).pathname}`
