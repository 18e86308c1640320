import { setTimeout as delay } from 'node:timers/promises'

const PATIENCE_MS = 60_000
const GLANCE_MS = 20

/** What `read` gives as soon as `accept` takes it: for what a server does without telling its client. */
export async function eventually<T>(read: () => T | Promise<T>, accept: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const value = await read()
    if (accept(value)) return value
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)} after ${PATIENCE_MS} ms`)
    await delay(GLANCE_MS)
  }
}
