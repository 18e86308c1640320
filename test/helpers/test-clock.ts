import type { Clock } from '../../src/lib/clock.ts'

/** A clock of sessions that runs like the machine's until it is held; from then on only `advance` moves it. */
export function createTestClock() {
  let heldAt: number | undefined
  const waiting = new Map<() => void, number>()
  const now = () => heldAt ?? performance.now()

  const clock: Clock = {
    now,
    after: (ms, call) => {
      const timer = setTimeout(() => {
        if (heldAt === undefined) once()
      }, ms)
      const cancel = () => {
        clearTimeout(timer)
        waiting.delete(once)
      }
      const once = () => {
        cancel()
        call()
      }
      waiting.set(once, now() + ms)
      return cancel
    },
  }
  return {
    ...clock,
    hold(): void {
      heldAt ??= performance.now()
    },
    /** Makes the calls that are due by then, in their order. */
    advance(ms: number): void {
      if (heldAt === undefined) throw new Error('the clock is not held')
      heldAt += ms
      const until = heldAt
      const due = [...waiting].filter(([, at]) => at <= until).sort(([, a], [, b]) => a - b)
      // A call may cancel one that is due after it.
      for (const [once] of due) if (waiting.has(once)) once()
    },
  }
}

export type TestClock = ReturnType<typeof createTestClock>
