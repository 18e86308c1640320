/** Why a call was aborted: by its caller, or by its timeout. */
type AbortReason = 'aborted' | 'timed_out'

class TimeoutError extends Error {
  constructor() {
    super('timed out')
    this.name = 'TimeoutError'
  }
}

/** Why the signal was aborted; undefined while it is not. A signal that follows another has its reason. */
export function abortReason(signal: AbortSignal): AbortReason | undefined {
  if (!signal.aborted) return undefined
  return signal.reason instanceof TimeoutError ? 'timed_out' : 'aborted'
}

/**
 * A signal that aborts with `parent`, after `timeoutMs`, or by `abort`; the first reason counts. Call `release`
 * after use: it removes the listener from `parent` and closes an open connection.
 */
export function createAbort(parent: AbortSignal, timeoutMs?: number) {
  const controller = new AbortController()
  const abort = (reason: AbortReason) =>
    controller.abort(reason === 'timed_out' ? new TimeoutError() : undefined)
  const follow = () => controller.abort(parent.reason)
  const timer = timeoutMs === undefined ? undefined : setTimeout(abort, timeoutMs, 'timed_out')
  const stopTimer = () => clearTimeout(timer)
  parent.addEventListener('abort', follow, { once: true })
  if (parent.aborted) follow()
  return {
    signal: controller.signal,
    abort,
    /** Disables the timeout. */
    stopTimer,
    release(): void {
      stopTimer()
      parent.removeEventListener('abort', follow)
      abort('aborted')
    },
  }
}

export type Abort = ReturnType<typeof createAbort>
