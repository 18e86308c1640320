import { createBackoff } from '../../lib/backoff.ts'
import { within } from '../../lib/deadline.ts'

type Dependencies = {
  /** Stores recent windows again where the database lacks them; resolves with their number. */
  readonly restore: () => Promise<number>
  readonly onRestored: (count: number) => void
  /** The first failure of a series. */
  readonly onFailed: (error: unknown) => void
  readonly signal: AbortSignal
}

const RESTORE_MS = 30_000
const RETRY = { firstMs: 250, longestMs: 5000, isSpread: true }

/**
 * Restores windows whose commit was confirmed and which a failover may have lost. A try that fails is repeated until one
 * succeeds; a request during a try causes another one after it.
 */
export function createRestoring({ restore, onRestored, onFailed, signal }: Dependencies): () => void {
  let isDue = false
  let isRunning = false

  const tryOnce = async (): Promise<void> => {
    const count = await within(restore(), RESTORE_MS)
    if (count === 'late') throw new Error('lost windows were not restored in time')
    if (count > 0) onRestored(count)
  }

  const run = async (): Promise<void> => {
    const backoff = createBackoff(RETRY)
    let hasFailed = false
    while (isDue && !signal.aborted) {
      isDue = false
      try {
        await tryOnce()
        hasFailed = false
        backoff.reset()
      } catch (error) {
        if (!hasFailed) onFailed(error)
        hasFailed = true
        isDue = true
        await backoff.wait(signal)
      }
    }
    isRunning = false
  }

  return () => {
    isDue = true
    if (isRunning) return
    isRunning = true
    void run()
  }
}
