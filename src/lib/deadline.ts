/** The longest delay of a timer; a longer one would fire immediately. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** The result of `promise` within `ms`, else `late`. Does not cancel the promise. With `ms` <= 0 it does not wait. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | 'late'> {
  if (ms <= 0) return Promise.race([promise, Promise.resolve<'late'>('late')])
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, MAX_TIMER_MS), 'late')
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits for `ms` or until `signal` aborts; never rejects. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.min(Math.max(ms, 0), MAX_TIMER_MS))
    signal?.addEventListener('abort', done, { once: true })
  })
}
