import process from 'node:process'
import { type HostileSocket, WAYS, type Way } from '../../test/helpers/hostile/crowd.ts'
import { post, signUp } from './sessions.ts'

/** Hostile sockets that are open at once. */
export const CROWD = Number(process.env['BENCH_SOCKETS'] ?? 10_000)
const ATTACKERS = 36
const SESSIONS_EACH = 20
const ADDRESSES = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
/** More than the limits of the server allow. */
const BEYOND_LIMIT = 400
/** One in so many idle sockets is abusive. */
const WORSE = 20
/** Attacks that need no frames; they start first. */
const WITHOUT_FRAMES = 8
/** Sockets that send large and nested JSON alone, before the others. */
const LARGE = 48

/** The sessions of each account. */
export async function startAttackedSessions(origin: string): Promise<string[][]> {
  const sessions: string[][] = []
  for (let i = 0; i < ATTACKERS; i++) {
    const token = await signUp(origin)
    const ids: string[] = []
    for (let k = 0; k < SESSIONS_EACH; k++) {
      const { data } = await post(`${origin}/api/session/start`, {}, token)
      ids.push((data as { sessionId: string }).sessionId)
    }
    sessions.push(ids)
  }
  return sessions
}

/** Attackers that send large and nested JSON, on the channels with small messages. */
export const planLargeMessages = (
  origin: string,
  sessions: readonly (readonly string[])[],
): HostileSocket[] =>
  Array.from({ length: LARGE }, (_, place) => ({
    url: `${origin.replace('http', 'ws')}/ws/${place % 4 < 2 ? 'voice' : 'session'}/${sessions[place % ATTACKERS]?.[0] ?? ''}`,
    way: place % 2 === 0 ? 'large' : 'nested',
    from: ADDRESSES[place % ADDRESSES.length] ?? '127.0.0.1',
  }))

/** Admitted sockets, and some beyond the limit of their user. */
export function planSockets(origin: string, sessions: readonly (readonly string[])[]): HostileSocket[] {
  const base = origin.replace('http', 'ws')
  let frames = 0
  return Array.from({ length: CROWD + BEYOND_LIMIT }, (_, place) => {
    const from = ADDRESSES[place % ADDRESSES.length] ?? '127.0.0.1'
    if (place < CROWD && place % WORSE === 1) {
      // A separate session, because only the newest socket of a session is read.
      const number = frames++
      const id = sessions[number % ATTACKERS]?.[Math.floor(number / ATTACKERS) % SESSIONS_EACH] ?? ''
      return { url: `${base}/ws/landmarks/${id}`, way: number % 2 === 0 ? 'frames' : 'binary', from }
    }
    const round = Math.floor(place / ATTACKERS)
    const id = sessions[place < CROWD ? place % ATTACKERS : 0]?.[round % SESSIONS_EACH] ?? ''
    const way: Way = place % WORSE === 0 ? (WAYS[(place / WORSE) % WITHOUT_FRAMES] ?? 'quiet') : 'quiet'
    return { url: `${base}/ws/${round % 2 === 0 ? 'voice' : 'session'}/${id}`, way, from }
  })
}
