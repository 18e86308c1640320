import { pause } from './deadline.ts'

type Options = {
  readonly firstMs: number
  readonly longestMs: number
  /** Multiplies each pause by 0.5 to 1.5, so that several callers do not retry at the same time. */
  readonly isSpread?: boolean
}

/** Pauses between attempts, each twice as long as the one before. */
export function createBackoff({ firstMs, longestMs, isSpread = false }: Options) {
  let ms = firstMs
  return {
    /** Waits for the next pause, or until `signal` aborts; never rejects. */
    async wait(signal?: AbortSignal): Promise<void> {
      const nextMs = ms
      ms = Math.min(2 * ms, longestMs)
      await pause(isSpread ? nextMs * (0.5 + Math.random()) : nextMs, signal)
    },
    /** Call it after a successful attempt. */
    reset(): void {
      ms = firstMs
    },
  }
}
