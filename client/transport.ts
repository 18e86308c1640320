import { MaeumError } from './error.ts'

type Dependencies = {
  /** `https://host`, without a trailing slash. */
  readonly server: string
  readonly fetch: typeof fetch
  /** Longest wait for the headers and between two chunks of the body. */
  readonly timeoutMs: number
  /** Current language; undefined leaves the header to the browser. */
  readonly language: () => string | undefined
}

export type Send = (path: string, init: RequestInit, bearer?: string) => Promise<Response>

/** `fetch` with an inactivity timeout; a body may take any time while chunks keep arriving. */
export const createSend =
  ({ server, fetch, timeoutMs, language }: Dependencies): Send =>
  async (path, init, bearer) => {
    const headers = new Headers(init.headers)
    if (bearer !== undefined) headers.set('authorization', `Bearer ${bearer}`)
    const preferred = language()
    if (preferred !== undefined) headers.set('accept-language', preferred)
    const timeout = createInactivityTimeout(timeoutMs, init.signal ?? undefined)
    const request = { ...init, headers, signal: timeout.signal }
    const answer = await timeout.wait(() => fetch(server + path, request))
    if (answer.body === null) {
      timeout.release()
      return answer
    }
    return new Response(withTimeout(answer.body, timeout), answer)
  }

type InactivityTimeout = ReturnType<typeof createInactivityTimeout>

/** Aborts a request when the server is inactive for too long, or when its caller aborts it. */
function createInactivityTimeout(timeoutMs: number, caller: AbortSignal | undefined) {
  caller?.throwIfAborted()
  const controller = new AbortController()
  const aborted = new Promise<never>((_resolve, reject) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own reason
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason))
  })
  aborted.catch(() => undefined) // may reject while nothing is awaiting it
  const abort = () => controller.abort(caller?.reason)
  caller?.addEventListener('abort', abort)
  const release = () => caller?.removeEventListener('abort', abort)
  return {
    signal: controller.signal,
    release,
    /** Awaits the next step of the server within the timeout. */
    wait: async <T>(next: () => Promise<T>): Promise<T> => {
      const timer = setTimeout(() => {
        controller.abort(new MaeumError('TIMEOUT', `no data from the server for ${timeoutMs} ms`))
      }, timeoutMs)
      try {
        return await Promise.race([next(), aborted])
      } catch (error) {
        release()
        if (controller.signal.aborted) throw controller.signal.reason
        throw new MaeumError('NETWORK', 'the server cannot be reached', { cause: error })
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** Wraps a body; the timeout runs only while the reader waits. */
function withTimeout(
  body: ReadableStream<Uint8Array>,
  { wait, release }: InactivityTimeout,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await wait(() => reader.read())
        if (!done) {
          controller.enqueue(value)
          return
        }
        release()
        controller.close()
      },
      cancel(reason) {
        release()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
