import { BASE } from './base.ts'

/** Server information that is available before login. */
export type About = {
  readonly version: string
  /** Length of a window, ms. */
  readonly intervalMs: number
  /** The remote model that the server uses besides its own, if any. */
  readonly model: string | null
}

const DEADLINE_MS = 10_000

export async function fetchAbout(): Promise<About> {
  const answer = await fetch(`${BASE}/about.json`, { signal: AbortSignal.timeout(DEADLINE_MS) })
  if (!answer.ok) throw new Error(`about.json: ${answer.status}`)
  return (await answer.json()) as About // written by src/features/console
}
