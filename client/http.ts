import { dataOf, refusalOf } from './envelope.ts'
import { MaeumError } from './error.ts'
import type { Gate } from './gate.ts'
import type { Cancellable, Input, Routes } from './routes.ts'
import { isSameAccount, pairOf, type TokenStore, type Tokens } from './tokens.ts'
import type { Send } from './transport.ts'

type Dependencies = {
  readonly send: Send
  readonly tokens: TokenStore
  readonly gate: Gate
  /** The login has ended: it was revoked, was too old, or was left in another tab. */
  readonly onSignedOut: () => void
}

/** Routes that end the login which asks, and answer with another. */
type Exchange = 'POST /api/user/password'

const ANONYMOUS = /^\/api\/auth\/(signup|login|refresh)$/
/** The only answers to a renewal that say that the login is over; after all others it may work later. */
const LOGIN_IS_OVER = new Set(['INVALID_REFRESH_TOKEN', 'MISSING_REFRESH_TOKEN'])

type Sent = { readonly params?: { readonly id: string }; readonly query?: object; readonly body?: unknown }

/** Requests in the name of the person who is logged in; an expired access token is renewed once, by one for all. */
export function createHttp({ send, tokens, gate, onSignedOut }: Dependencies) {
  /** The login that this client acts for. */
  let present: Tokens | null = null

  /** The tokens now. Rejects, once, when the login has ended elsewhere, or is another account's since. */
  const look = async (): Promise<Tokens | null> => {
    const before = present
    present = await tokens.get()
    if (before === null || (present !== null && isSameAccount(before, present))) return present
    onSignedOut()
    throw signedOut()
  }

  const keep = async (pair: Tokens | null): Promise<void> => {
    present = pair
    await tokens.set(pair)
  }

  /** The next pair; null when the server says that the login is over. */
  const refresh = async ({ refreshToken }: Tokens): Promise<Tokens | null> => {
    try {
      const pair = pairOf(await dataOf(await send('/api/auth/refresh', sending('POST', { refreshToken }))))
      if (pair === null) throw new MaeumError('BAD_ANSWER', 'a renewal without tokens')
      return pair
    } catch (error) {
      if (error instanceof MaeumError && LOGIN_IS_OVER.has(error.code)) return null
      throw error
    }
  }

  let renewal: Promise<Tokens> | undefined

  /** The tokens that follow `stale`, whichever tab fetched them. */
  const renew = (stale: Tokens): Promise<Tokens> => {
    renewal ??= gate(async () => {
      const kept = await look()
      if (kept === null) throw signedOut()
      if (kept.accessToken !== stale.accessToken) return kept // another tab was first
      const fresh = await refresh(kept)
      // Compared before it is replaced: a login, a logout or another tab's renewal came meanwhile.
      const now = await look()
      if (now === null) throw signedOut()
      if (now.refreshToken !== kept.refreshToken) return now
      await tokens.set(fresh)
      const next = await look()
      if (next === null) throw signedOut()
      return next
    }).finally(() => {
      renewal = undefined
    })
    return renewal
  }

  /** As `fetch`, with the login: for what is no JSON, and for paths of which the table does not know. */
  const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const kept = await look()
    if (kept === null) return send(path, init)
    const answer = await send(path, init, kept.accessToken)
    if (answer.status !== 401) return answer
    const refusal = new Response(await answer.text(), answer)
    if (!(await isAboutToken(refusal))) return refusal
    const fresh = await renew(kept)
    if (!isSameAccount(kept, fresh)) throw signedOut()
    return send(path, init, fresh.accessToken)
  }

  /** One call of the table; rejects with a `MaeumError`. */
  const call = async <Name extends keyof Routes>(
    route: Name,
    ...[input]: Input<Name>
  ): Promise<Routes[Name]['data']> => {
    const [method = '', path = ''] = route.split(' ')
    const { params, query, body, signal }: Sent & Cancellable = input ?? {}
    const address = path.replace(':id', encodeURIComponent(params?.id ?? '')) + searchOf(query)
    const init = { ...sending(method, body), ...(signal === undefined ? {} : { signal }) }
    // A login that is refused says nothing about the one before.
    return dataOf(await (ANONYMOUS.test(address) ? send : request)(address, init))
  }

  /** A call that ends this login and brings another: nobody renews the old one meanwhile. */
  const exchange = async <Name extends Exchange>(
    route: Name,
    body: Routes[Name]['input']['body'],
  ): Promise<Routes[Name]['data']> => {
    await call('GET /api/auth/me') // what has run out is renewed before
    return gate(async () => {
      const [method = '', path = ''] = route.split(' ')
      const answer = await send(path, sending(method, body), (await look())?.accessToken)
      const data = await dataOf<Routes[Name]['data']>(answer)
      await keep({ accessToken: data.accessToken, refreshToken: data.refreshToken })
      return data
    })
  }

  return {
    request,
    call,
    exchange,

    isSignedIn: async (): Promise<boolean> => {
      const kept = await tokens.get()
      present ??= kept
      return kept !== null
    },

    /** The login that begins; a renewal of an earlier one that is under way does not overwrite it. */
    enter: (pair: Tokens): Promise<void> => gate(() => keep(pair)),

    /** Forgets the login here, then ends it on the server. */
    leave: async (): Promise<void> => {
      const kept = await gate(async () => {
        const last = await tokens.get()
        await keep(null)
        return last
      })
      if (kept === null) return
      const { accessToken, refreshToken } = kept
      await dataOf(await send('/api/auth/logout', sending('POST', { refreshToken }), accessToken))
    },
  }
}

export type Http = ReturnType<typeof createHttp>

const signedOut = () => new MaeumError('SIGNED_OUT', 'the login has ended', { status: 401 })

/** What is undefined is not asked for. */
function searchOf(query: object = {}): string {
  const asked = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, String(value))
  const text = String(asked)
  return text === '' ? '' : `?${text}`
}

function sending(method: string, body: unknown): RequestInit {
  if (body === undefined) return { method }
  if (body instanceof FormData) return { method, body }
  return { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

/** Whether a newer token may change this 401: the server's own, and not about a wrong password. */
async function isAboutToken(answer: Response): Promise<boolean> {
  const code = await refusalOf(answer)
  return code !== undefined && code !== 'INVALID_CREDENTIALS'
}
