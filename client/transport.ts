import { MaeumError } from './error.ts'

type Dependencies = {
  /** `https://host`, without a slash at its end. */
  readonly server: string
  readonly fetch: typeof fetch
  /** How long the server may be silent: until its headers come, and between two pieces of a body. */
  readonly timeoutMs: number
  /** Of this moment; undefined leaves it to the browser. */
  readonly language: () => string | undefined
}

export type Send = (path: string, init: RequestInit, bearer?: string) => Promise<Response>

/** `fetch` with a bound on silence. A body may take as long as it needs while it keeps coming. */
export const createSend =
  ({ server, fetch, timeoutMs, language }: Dependencies): Send =>
  async (path, init, bearer) => {
    const headers = new Headers(init.headers)
    if (bearer !== undefined) headers.set('authorization', `Bearer ${bearer}`)
    const spoken = language()
    if (spoken !== undefined) headers.set('accept-language', spoken)
    const patience = createPatience(timeoutMs, init.signal ?? undefined)
    const request = { ...init, headers, signal: patience.signal }
    const answer = await patience.wait(() => fetch(server + path, request))
    if (answer.body === null) {
      patience.release()
      return answer
    }
    return new Response(watched(answer.body, patience), answer)
  }

type Patience = ReturnType<typeof createPatience>

/** Gives a request up when the server is silent for too long, or when its caller has given it up. */
function createPatience(timeoutMs: number, caller: AbortSignal | undefined) {
  caller?.throwIfAborted()
  const cut = new AbortController()
  const isCut = new Promise<never>((_resolve, reject) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own reason
    cut.signal.addEventListener('abort', () => reject(cut.signal.reason))
  })
  isCut.catch(() => undefined) // it may end before anything waits again
  const giveUp = () => cut.abort(caller?.reason)
  caller?.addEventListener('abort', giveUp)
  const release = () => caller?.removeEventListener('abort', giveUp)
  return {
    signal: cut.signal,
    release,
    /** What the server sends next. */
    wait: async <T>(next: () => Promise<T>): Promise<T> => {
      const late = setTimeout(() => {
        cut.abort(new MaeumError('TIMEOUT', `the server was silent for ${timeoutMs} ms`))
      }, timeoutMs)
      try {
        return await Promise.race([next(), isCut])
      } catch (error) {
        release()
        if (cut.signal.aborted) throw cut.signal.reason
        throw new MaeumError('NETWORK', 'the server cannot be reached', { cause: error })
      } finally {
        clearTimeout(late)
      }
    },
  }
}

/** The same body; it is waited for only while it is read. */
function watched(body: ReadableStream<Uint8Array>, { wait, release }: Patience): ReadableStream<Uint8Array> {
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
