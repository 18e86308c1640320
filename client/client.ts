import {
  type Connectivity,
  connectivity,
  type Globals,
  globals,
  monotonic,
  type SocketConstructor,
} from './environment.ts'
import { MaeumError } from './error.ts'
import { createGate } from './gate.ts'
import { createHttp, type Http } from './http.ts'
import type { Routes } from './routes.ts'
import { type Channel, openSession, type Session, type SessionOptions } from './session.ts'
import { defaultTokens, type TokenStore } from './tokens.ts'
import { createSend } from './transport.ts'

export type ClientOptions = {
  /** Where the server is, `https://host`; the page's own origin unless told. */
  readonly server?: string
  /** Where tokens are kept: in the site's storage, or in memory where there is none. Outside of a page there is no default. */
  readonly tokens?: TokenStore
  /** For Node before 22, which has none of its own: the one of the package `ws`. */
  readonly WebSocket?: SocketConstructor
  readonly fetch?: typeof fetch
  /** `ko` or `en`, of the sentences meant for a person, or what tells it at each request; the browser's choice unless told. */
  readonly language?: Language
  /** How long the server may be silent, before its answer and within a body; reports take up to 10 s. */
  readonly timeoutMs?: number
  /** Gives each socket its ticket, or none; asks the server unless told. */
  readonly ticket?: (sessionId: string, channel: Channel) => Promise<string | null>
  /** The login has ended: it was revoked, was too old, or was left in another tab. */
  readonly onSignedOut?: () => void
  readonly connectivity?: Connectivity
  /** Web Locks and BroadcastChannel; the platform's unless told. */
  readonly platform?: Pick<Globals, 'navigator' | 'BroadcastChannel'>
}

type Language = string | (() => string)

type Body<Name extends keyof Routes> = Routes[Name]['input'] extends { readonly body?: infer Found }
  ? Found
  : never
type StartOptions = SessionOptions & NonNullable<Body<'POST /api/session/start'>>

export type Client = ReturnType<typeof createClient>

/** A maeum server, seen from a page, a worker or Node. */
export function createClient(options: ClientOptions = {}) {
  const server = (options.server ?? globals.location?.origin ?? '').replace(/\/$/, '')
  const tokens = options.tokens ?? defaultTokens()
  const fetchOf = options.fetch ?? globals.fetch
  const WebSocket = options.WebSocket ?? globals.WebSocket
  if (fetchOf === undefined) throw new MaeumError('BAD_OPTIONS', 'there is no fetch here: pass one')

  const send = createSend({
    server,
    fetch: (input, init) => fetchOf(input, init), // a browser's own wants no other `this`
    timeoutMs: options.timeoutMs ?? 20_000,
    language: languageOf(options.language),
  })
  const http = createHttp({
    send,
    tokens,
    gate: createGate(`maeum.refresh ${server}`, options.platform ?? globals),
    onSignedOut: options.onSignedOut ?? (() => undefined),
  })

  const ticket = options.ticket ?? createTicketOffice(http.call)

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
      throw new MaeumError('BAD_OPTIONS', 'there is no WebSocket here: pass the one of the package `ws`')
    const network = options.connectivity ?? connectivity
    return openSession(first, { http, WebSocket, connectivity: network, address, start, options: chosen })
  }

  const begin = async (body: NonNullable<Body<'POST /api/session/start'>>) => {
    const askedAt = monotonic()
    const { sessionId } = await http.call('POST /api/session/start', { body })
    return { sessionId, startedAt: (askedAt + monotonic()) / 2, isNew: true }
  }

  return {
    call: http.call,
    /** As `fetch`, with the login and the server's address: for files, and for what the table of calls lacks. */
    fetch: http.request,

    isSignedIn: () => http.isSignedIn(),

    /** Makes an account and logs it in. `hints`: what would be better done otherwise, such as a common password. */
    async signup(body: Body<'POST /api/auth/signup'>) {
      const { user, hints = [], ...pair } = await http.call('POST /api/auth/signup', { body })
      await http.enter(pair)
      return { user, hints }
    },

    async login(body: Body<'POST /api/auth/login'>) {
      const { user, ...pair } = await http.call('POST /api/auth/login', { body })
      await http.enter(pair)
      return user
    },

    /**
     * Puts a new password in the place of the current one: other devices are logged out, this one stays. Tells what
     * would be better done otherwise, such as a common password.
     */
    async changePassword(body: Body<'POST /api/user/password'>) {
      const { hints = [] } = await http.exchange('POST /api/user/password', body)
      return hints
    },

    /** Forgets the login here, whether or not the server can be reached. */
    logout: (): Promise<void> => http.leave(),

    /** Starts a session and opens its channels. */
    async startSession({ userId, counselorId, ...chosen }: StartOptions = {}): Promise<Session> {
      const labels = {
        ...(userId === undefined ? {} : { userId }),
        ...(counselorId === undefined ? {} : { counselorId }),
      }
      const start = () => begin(labels)
      return open(await start(), start, chosen)
    },

    /** Comes back to a live session, after a reload of the page: its last 60 answers come again. */
    async attach(sessionId: string, chosen: SessionOptions = {}): Promise<Session> {
      const { status, duration } = await http.call('GET /api/session/:id', { params: { id: sessionId } })
      if (status === 'ended') throw new MaeumError('SESSION_ENDED', 'the session has ended', { status: 409 })
      const first = { sessionId, startedAt: monotonic() - duration, isNew: false }
      return open(first, () => begin({}), chosen)
    },
  }
}

const languageOf = (language: Language | undefined) =>
  typeof language === 'function' ? language : () => language

/** A ticket for each socket, from servers that give them out. */
function createTicketOffice(call: Http['call']) {
  let isOpen = true
  return async (id: string, channel: Channel, signal: AbortSignal): Promise<string | null> => {
    if (!isOpen) return null
    try {
      const asked = { params: { id }, body: { channel }, signal }
      return (await call('POST /api/session/:id/ticket', asked)).ticket
    } catch (error) {
      if (!(error instanceof MaeumError)) throw error
      const isLater = error.retryable && error.code !== 'RATE_LIMITED'
      if (isLater || error.code === 'SIGNED_OUT') throw error
      if (error.code === 'NOT_FOUND') isOpen = false
      return null // where a ticket is required, the handshake says so
    }
  }
}
