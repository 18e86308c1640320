import { MaeumError } from './error.ts'
import type { Gate } from './gate.ts'
import type { Input, Routes } from './routes.ts'
import type { TokenStore, Tokens } from './tokens.ts'

type Dependencies = {
  /** `https://host`, without a slash at its end. */
  readonly server: string
  readonly fetch: typeof fetch
  readonly tokens: TokenStore
  readonly gate: Gate
  readonly timeoutMs: number
  /** Of this moment; undefined leaves it to the browser. */
  readonly language: () => string | undefined
  /** The login has ended: it was revoked, or was too old. */
  readonly onSignedOut: () => void
}

/** Routes that end the login which asks, and answer with another. */
type Exchange = 'POST /api/user/password'

const ANONYMOUS = /^\/api\/auth\/(signup|login|refresh)$/

type Sent = { readonly params?: { readonly id: string }; readonly query?: object; readonly body?: unknown }

/** Requests in the name of whoever is logged in; an access token that has run out is renewed once, by one for all. */
export function createHttp({ server, fetch, tokens, gate, timeoutMs, language, onSignedOut }: Dependencies) {
  const send = async (path: string, init: RequestInit, bearer?: string): Promise<Response> => {
    const headers = new Headers(init.headers)
    if (bearer !== undefined) headers.set('authorization', `Bearer ${bearer}`)
    const spoken = language()
    if (spoken !== undefined) headers.set('accept-language', spoken)
    const late = AbortSignal.timeout(timeoutMs)
    const signal = init.signal ? AbortSignal.any([init.signal, late]) : late
    try {
      return await fetch(server + path, { ...init, headers, signal })
    } catch (error) {
      init.signal?.throwIfAborted()
      if (late.aborted) throw new MaeumError('TIMEOUT', `no answer within ${timeoutMs} ms`, { cause: error })
      throw new MaeumError('NETWORK', 'the server cannot be reached', { cause: error })
    }
  }

  const refresh = async ({ refreshToken }: Tokens): Promise<Tokens> =>
    dataOf<Tokens>(await send('/api/auth/refresh', sending('POST', { refreshToken })))

  let renewal: Promise<Tokens | null> | undefined

  /** The tokens after `stale`, whoever fetched them; null when nobody is logged in any more. */
  const renew = (stale: string): Promise<Tokens | null> => {
    renewal ??= gate(async () => {
      const kept = await tokens.get()
      if (kept === null || kept.accessToken !== stale) return kept // another tab was first
      try {
        const fresh = await refresh(kept)
        await tokens.set(fresh)
        return fresh
      } catch (error) {
        // A server that is away logs nobody out.
        if (!(error instanceof MaeumError) || error.retryable) throw error
        await tokens.set(null)
        onSignedOut()
        return null
      }
    }).finally(() => {
      renewal = undefined
    })
    return renewal
  }

  /** As `fetch`, with the login: for what is no JSON, and for paths of which the table does not know. */
  const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const kept = await tokens.get()
    if (kept === null) return send(path, init)
    const answer = await send(path, init, kept.accessToken)
    if (answer.status !== 401 || (await isAboutPassword(answer))) return answer
    const fresh = await renew(kept.accessToken)
    if (fresh === null) throw new MaeumError('SIGNED_OUT', 'the login has ended', { status: 401 })
    await answer.body?.cancel()
    return send(path, init, fresh.accessToken)
  }

  /** One call of the table; rejects with a `MaeumError`. */
  const call = async <Name extends keyof Routes>(
    route: Name,
    ...[input]: Input<Name>
  ): Promise<Routes[Name]['data']> => {
    const [method = '', path = ''] = route.split(' ')
    const { params, query, body }: Sent = input ?? {}
    const address = path.replace(':id', encodeURIComponent(params?.id ?? '')) + searchOf(query)
    // A login that is refused says nothing about the one before.
    return dataOf(await (ANONYMOUS.test(address) ? send : request)(address, sending(method, body)))
  }

  /** A call that ends this login and brings another: nobody renews the old one meanwhile. */
  const exchange = async <Name extends Exchange>(
    route: Name,
    body: Routes[Name]['input']['body'],
  ): Promise<Routes[Name]['data']> => {
    await call('GET /api/auth/me') // what has run out is renewed before
    return gate(async () => {
      const [method = '', path = ''] = route.split(' ')
      const answer = await send(path, sending(method, body), (await tokens.get())?.accessToken)
      const data = await dataOf<Routes[Name]['data']>(answer)
      await tokens.set({ accessToken: data.accessToken, refreshToken: data.refreshToken })
      return data
    })
  }

  return { request, call, exchange }
}

export type Http = ReturnType<typeof createHttp>

/** What is undefined is not asked for. */
function searchOf(query: object = {}): string {
  const asked = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, String(value))
  return asked.size === 0 ? '' : `?${asked}`
}

function sending(method: string, body: unknown): RequestInit {
  if (body === undefined) return { method }
  if (body instanceof FormData) return { method, body }
  return { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

/** A 401 that a newer token would not change. */
async function isAboutPassword(answer: Response): Promise<boolean> {
  try {
    const { error } = Object(await answer.clone().json()) as Envelope // the field is looked at before it is believed
    return error?.code === 'INVALID_CREDENTIALS'
  } catch {
    return false // no JSON: not one of the server's own
  }
}

type Envelope = {
  readonly success?: unknown
  readonly data?: unknown
  readonly error?: {
    readonly code?: unknown
    readonly message?: unknown
    readonly requestId?: string
    readonly details?: unknown
  }
}

/** What is inside of the server's envelope; anything else, as a page of a proxy, is an error. */
async function dataOf<Data>(answer: Response): Promise<Data> {
  let envelope: Envelope
  try {
    envelope = Object(await answer.json()) as Envelope // every field is looked at before it is believed
  } catch (error) {
    throw new MaeumError('BAD_ANSWER', `no JSON in an answer ${answer.status}`, {
      status: answer.status,
      cause: error,
    })
  }
  if (answer.ok && envelope.success === true) return envelope.data as Data // by the schema of its route
  const { code, message, requestId, details } = envelope.error ?? {}
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
  throw new MaeumError(
    typeof code === 'string' ? code : 'BAD_ANSWER',
    typeof message === 'string' ? message : `an answer ${answer.status}`,
    {
      status: answer.status,
      details,
      ...(requestId === undefined ? {} : { requestId }),
      ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {}),
    },
  )
}
