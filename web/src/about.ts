import { BASE } from './base.ts'

/** What the server says of itself before anybody has logged in. */
export type About = {
  readonly version: string
  /** Length of a window, ms. */
  readonly intervalMs: number
  /** The remote model that reads beside the server's own, if any. */
  readonly model: string | null
}

const DEADLINE_MS = 10_000

export async function askAbout(): Promise<About> {
  const answer = await fetch(`${BASE}/about.json`, { signal: AbortSignal.timeout(DEADLINE_MS) })
  if (!answer.ok) throw new Error(`about.json: ${answer.status}`)
  return (await answer.json()) as About // the server's own room wrote it
}
