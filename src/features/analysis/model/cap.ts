/** The end of a call before its time: by the caller's signal, or because it took too long. */
type Blow = 'aborted' | 'timed_out'

/**
 * Our own abort for one call: strikes with the caller's signal, after `timeoutMs`, or when told to, whichever is first.
 * Whoever opens it releases it, so that nothing stays on the caller's signal.
 */
export function openCap(signal: AbortSignal, timeoutMs: number) {
  const controller = new AbortController()
  let struck: Blow | undefined
  const strike = (by: Blow) => {
    struck ??= by
    controller.abort()
  }
  const onAbort = () => strike('aborted')
  const timer = setTimeout(strike, timeoutMs, 'timed_out')
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return {
    signal: controller.signal,
    /** What struck, or undefined. */
    struck: () => struck,
    strike,
    release() {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}

export type Cap = ReturnType<typeof openCap>
