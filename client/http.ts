import { readData, readErrorCode } from './envelope.ts'
import { MaeumError } from './error.ts'
import type { Lock } from './lock.ts'
import type { Cancellable, Input, Routes } from './routes.ts'
import { isSameAccount, parseTokens, type TokenStore, type Tokens } from './tokens.ts'
import type { Send } from './transport.ts'

type Dependencies = {
  readonly send: Send
  readonly tokens: TokenStore
  readonly lock: Lock
  /** Called when the login ends: revoked, expired, or logged out in another tab. */
  readonly onSignedOut: () => void
}

/** Routes that revoke the caller's tokens and return new ones. */
type Exchange = 'POST /api/user/password'

const ANONYMOUS = /^\/api\/auth\/(signup|login|refresh)$/
/** Errors of a refresh that end the login; after any other error a retry may succeed. */
const FINAL_REFRESH_ERRORS = new Set(['INVALID_REFRESH_TOKEN', 'MISSING_REFRESH_TOKEN'])

type RequestInput = {
  readonly params?: { readonly id: string }
  readonly query?: object
  readonly body?: unknown
}

/** Authenticated requests; concurrent requests share one refresh of an expired access token. */
export function createHttp({ send, tokens, lock, onSignedOut }: Dependencies) {
  /** The login that this client last saw. */
  let current: Tokens | null = null

  /** Reads the stored tokens. Rejects once when the login ended elsewhere or belongs to another account now. */
  const getTokens = async (): Promise<Tokens | null> => {
    const before = current
    current = await tokens.get()
    if (before === null || (current !== null && isSameAccount(before, current))) return current
    onSignedOut()
    throw createSignedOutError()
  }

  const storeTokens = async (pair: Tokens | null): Promise<void> => {
    current = pair
    await tokens.set(pair)
  }

  /** Requests the next pair; null when the login has ended. */
  const refresh = async ({ refreshToken }: Tokens): Promise<Tokens | null> => {
    try {
      const pair = parseTokens(
        await readData(await send('/api/auth/refresh', toRequestInit('POST', { refreshToken }))),
      )
      if (pair === null) throw new MaeumError('BAD_ANSWER', 'refresh response without tokens')
      return pair
    } catch (error) {
      if (error instanceof MaeumError && FINAL_REFRESH_ERRORS.has(error.code)) return null
      throw error
    }
  }

  let pendingRefresh: Promise<Tokens> | undefined

  /** Returns the tokens that replace `stale`, fetched by this tab or another one. */
  const replaceStale = (stale: Tokens): Promise<Tokens> => {
    pendingRefresh ??= lock(async () => {
      const kept = await getTokens()
      if (kept === null) throw createSignedOutError()
      if (kept.accessToken !== stale.accessToken) return kept // another tab was first
      const fresh = await refresh(kept)
      // A login, a logout or another tab's refresh may have happened meanwhile.
      const now = await getTokens()
      if (now === null) throw createSignedOutError()
      if (now.refreshToken !== kept.refreshToken) return now
      await tokens.set(fresh)
      const next = await getTokens()
      if (next === null) throw createSignedOutError()
      return next
    }).finally(() => {
      pendingRefresh = undefined
    })
    return pendingRefresh
  }

  /** Like `fetch`, authenticated: for responses that are not JSON and for routes outside the table. */
  const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const kept = await getTokens()
    if (kept === null) return send(path, init)
    const answer = await send(path, init, kept.accessToken)
    if (answer.status !== 401) return answer
    const refusal = new Response(await answer.text(), answer)
    if (!(await isTokenRejected(refusal))) return refusal
    const fresh = await replaceStale(kept)
    if (!isSameAccount(kept, fresh)) throw createSignedOutError()
    return send(path, init, fresh.accessToken)
  }

  /** Makes a typed call; rejects with a `MaeumError`. */
  const call = async <Name extends keyof Routes>(
    route: Name,
    ...[input]: Input<Name>
  ): Promise<Routes[Name]['data']> => {
    const [method = '', path = ''] = route.split(' ')
    const { params, query, body, signal }: RequestInput & Cancellable = input ?? {}
    const address = path.replace(':id', encodeURIComponent(params?.id ?? '')) + buildQuery(query)
    const init = { ...toRequestInit(method, body), ...(signal === undefined ? {} : { signal }) }
    // A refused login does not end the current one.
    return readData(await (ANONYMOUS.test(address) ? send : request)(address, init))
  }

  /** A call that replaces the tokens, under the lock so that no refresh runs at the same time. */
  const exchange = async <Name extends Exchange>(
    route: Name,
    body: Routes[Name]['input']['body'],
  ): Promise<Routes[Name]['data']> => {
    await call('GET /api/auth/me') // refreshes an expired access token first
    return lock(async () => {
      const [method = '', path = ''] = route.split(' ')
      const answer = await send(path, toRequestInit(method, body), (await getTokens())?.accessToken)
      const data = await readData<Routes[Name]['data']>(answer)
      await storeTokens({ accessToken: data.accessToken, refreshToken: data.refreshToken })
      return data
    })
  }

  return {
    request,
    call,
    exchange,

    isSignedIn: async (): Promise<boolean> => {
      const kept = await tokens.get()
      current ??= kept
      return kept !== null
    },

    /** Stores the tokens of a new login, under the lock so that a refresh in progress does not overwrite them. */
    signIn: (pair: Tokens): Promise<void> => lock(() => storeTokens(pair)),

    /** Removes the tokens, then ends the login on the server. */
    signOut: async (): Promise<void> => {
      const kept = await lock(async () => {
        const last = await tokens.get()
        await storeTokens(null)
        return last
      })
      if (kept === null) return
      const { accessToken, refreshToken } = kept
      await readData(await send('/api/auth/logout', toRequestInit('POST', { refreshToken }), accessToken))
    },
  }
}

export type Http = ReturnType<typeof createHttp>

const createSignedOutError = () => new MaeumError('SIGNED_OUT', 'the login has ended', { status: 401 })

/** Builds the query string; undefined values are omitted. */
function buildQuery(query: object = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) parameters.set(name, String(value))
  const text = String(parameters)
  return text === '' ? '' : `?${text}`
}

function toRequestInit(method: string, body: unknown): RequestInit {
  if (body === undefined) return { method }
  if (body instanceof FormData) return { method, body }
  return { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

/** Whether a 401 may be solved by a refresh: it is the server's own and not about a wrong password. */
async function isTokenRejected(answer: Response): Promise<boolean> {
  const code = await readErrorCode(answer)
  return code !== undefined && code !== 'INVALID_CREDENTIALS'
}
