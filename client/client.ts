import {
  type Connectivity,
  connectivity,
  type Globals,
  globals,
  monotonic,
  type SocketConstructor,
} from './environment.ts'
import { MaeumError } from './error.ts'
import { createLock } from './lock.ts'
import { createHttp, type Http } from './http.ts'
import type { Routes } from './routes.ts'
import { type Channel, openSession, type Session, type SessionOptions } from './session.ts'
import { defaultTokens, type TokenStore } from './tokens.ts'
import { createSend } from './transport.ts'

export type ClientOptions = {
  /** The server's origin, `https://host`; default: the page's origin. */
  readonly server?: string
  /** Token store. Default in a page: its local storage, else memory. Outside a page there is no default. */
  readonly tokens?: TokenStore
  /** Required in Node before 22: the class of the package `ws`. */
  readonly WebSocket?: SocketConstructor
  readonly fetch?: typeof fetch
  /** Language of user-facing messages, `ko` or `en`, or a function that returns it; default: the browser's `Accept-Language`. */
  readonly language?: Language
  /** Longest wait for response headers and between two chunks of a body; reports take up to 10 s. */
  readonly timeoutMs?: number
  /** Returns the ticket for a socket, or null; default: requested from the server. */
  readonly ticket?: (sessionId: string, channel: Channel) => Promise<string | null>
  /** Called when the login ends: revoked, expired, or logged out in another tab. */
  readonly onSignedOut?: () => void
  readonly connectivity?: Connectivity
  /** Web Locks and BroadcastChannel; default: the platform's. */
  readonly platform?: Pick<Globals, 'navigator' | 'BroadcastChannel'>
}

type Language = string | (() => string)

type Body<Name extends keyof Routes> = Routes[Name]['input'] extends { readonly body?: infer Found }
  ? Found
  : never
type StartOptions = SessionOptions & NonNullable<Body<'POST /api/session/start'>>

export type Client = ReturnType<typeof createClient>

/** Creates a client of one maeum server, for a page, a worker or Node. */
export function createClient(options: ClientOptions = {}) {
  const server = (options.server ?? globals.location?.origin ?? '').replace(/\/$/, '')
  const tokens = options.tokens ?? defaultTokens()
  const fetchFunction = options.fetch ?? globals.fetch
  const WebSocket = options.WebSocket ?? globals.WebSocket
  if (fetchFunction === undefined) throw new MaeumError('BAD_OPTIONS', 'fetch is not available: pass one')

  const send = createSend({
    server,
    fetch: (input, init) => fetchFunction(input, init), // a browser's fetch rejects another `this`
    timeoutMs: options.timeoutMs ?? 20_000,
    language: toLanguageGetter(options.language),
  })
  const http = createHttp({
    send,
    tokens,
    lock: createLock(`maeum.refresh ${server}`, options.platform ?? globals),
    onSignedOut: options.onSignedOut ?? (() => undefined),
  })

  const ticket = options.ticket ?? createTicketSource(http.call)

  const address = async (channel: Channel, sessionId: string, signal: AbortSignal): Promise<string> => {
    const query = new URLSearchParams({ sessionId })
    const one = await ticket(sessionId, channel, signal)
    if (one !== null) query.set('ticket', one)
    return `${server.replace(/^http/, 'ws')}/ws/${channel}?${query}`
  }

  const open = (
    first: Parameters<typeof openSession>[0],
    start: Parameters<typeof openSession>[1]['start'],
    chosen: SessionOptions,
  ): Session => {
    if (WebSocket === undefined)
      throw new MaeumError('BAD_OPTIONS', 'WebSocket is not available: pass the class of the package `ws`')
    const network = options.connectivity ?? connectivity
    return openSession(first, { http, WebSocket, connectivity: network, address, start, options: chosen })
  }

  const begin = async (body: NonNullable<Body<'POST /api/session/start'>>) => {
    const requestedAt = monotonic()
    const { sessionId } = await http.call('POST /api/session/start', { body })
    return { sessionId, startedAt: (requestedAt + monotonic()) / 2, isNew: true }
  }

  return {
    call: http.call,
    /** Like `fetch`, authenticated and relative to the server: for files and for routes without a typed call. */
    fetch: http.request,

    isSignedIn: () => http.isSignedIn(),

    ...createAccount(http),

    /** Starts a session and opens its channels. */
    async startSession({ userId, counselorId, ...chosen }: StartOptions = {}): Promise<Session> {
      const labels = {
        ...(userId === undefined ? {} : { userId }),
        ...(counselorId === undefined ? {} : { counselorId }),
      }
      const start = () => begin(labels)
      return open(await start(), start, chosen)
    },

    /** Attaches to a live session, for example after a page reload: its last 60 answers are sent again. */
    async attach(sessionId: string, chosen: SessionOptions = {}): Promise<Session> {
      const { status, duration } = await http.call('GET /api/session/:id', { params: { id: sessionId } })
      if (status === 'ended') throw new MaeumError('SESSION_ENDED', 'the session has ended', { status: 409 })
      const first = { sessionId, startedAt: monotonic() - duration, isNew: false }
      return open(first, () => begin({}), chosen)
    },
  }
}

/** Signup, login, change of the password and logout. */
const createAccount = (http: Http) => ({
  /** Creates an account and logs in. `hints`: advice such as "this password is common". */
  async signup(body: Body<'POST /api/auth/signup'>) {
    const { user, hints = [], ...pair } = await http.call('POST /api/auth/signup', { body })
    await http.signIn(pair)
    return { user, hints }
  },

  async login(body: Body<'POST /api/auth/login'>) {
    const { user, ...pair } = await http.call('POST /api/auth/login', { body })
    await http.signIn(pair)
    return user
  },

  /**
   * Changes the password: other devices are logged out, this one stays logged in. Returns hints such as "this
   * password is common".
   */
  async changePassword(body: Body<'POST /api/user/password'>) {
    const { hints = [] } = await http.exchange('POST /api/user/password', body)
    return hints
  },

  /** Logs out. The tokens are removed even when the server is unreachable. */
  logout: (): Promise<void> => http.signOut(),
})

const toLanguageGetter = (language: Language | undefined) =>
  typeof language === 'function' ? language : () => language

/** Requests a ticket for each socket, until the server turns out not to support tickets. */
function createTicketSource(call: Http['call']) {
  let isSupported = true
  return async (id: string, channel: Channel, signal: AbortSignal): Promise<string | null> => {
    if (!isSupported) return null
    try {
      const input = { params: { id }, body: { channel }, signal }
      return (await call('POST /api/session/:id/ticket', input)).ticket
    } catch (error) {
      if (!(error instanceof MaeumError)) throw error
      const mayRetry = error.retryable && error.code !== 'RATE_LIMITED'
      if (mayRetry || error.code === 'SIGNED_OUT') throw error
      if (error.code === 'NOT_FOUND') isSupported = false
      return null // if a ticket is required, the handshake fails with its reason
    }
  }
}
