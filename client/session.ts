import { createEmitter } from './emitter.ts'
import type { FrameFormat } from './encode.ts'
import { type Connectivity, monotonic, type SocketConstructor } from './environment.ts'
import { MaeumError } from './error.ts'
import { Feed, type FeedStats, type PushResult, type Shot } from './feed.ts'
import {
  type AiEvent,
  type EmotionEvent,
  type ErrorEvent,
  type Message,
  readAi,
  readEmotion,
  readStatus,
  type StatusEvent,
  textOf,
} from './frames.ts'
import type { Http } from './http.ts'
import { type Attempt, DEFAULT_POLICY, Link, type ReconnectPolicy } from './link.ts'
import type { Landmarks } from './points.ts'
import { createResults } from './results.ts'
import type { Routes } from './routes.ts'
import type { Verdict } from './verdict.ts'

export type Channel = 'landmarks' | 'session'

/**
 * Why nothing more comes. `ended`: by its owner, and everything has arrived. `gone`: the server does not know it, or it
 * ended while we were away. `superseded`: another page has taken it over. `signed_out`: the login has ended.
 * `unreachable`: every try failed; the session may still live, and `attach` comes back to it. `closed`: `close` was
 * called.
 */
export type EndedReason = Exclude<Verdict, 'retry'> | 'unreachable' | 'closed'

export type SessionEvents = {
  /** A window's answer; each window and revision once, whatever happens to the connection. */
  emotion: EmotionEvent
  status: StatusEvent
  error: ErrorEvent
  /** A channel works, for the first time or again. */
  open: { readonly channel: Channel; readonly sessionId: string }
  reconnecting: Attempt & { readonly channel: Channel }
  ended: { readonly reason: EndedReason; readonly sessionId: string; readonly detail: string }
  ai: AiEvent
}

export type SessionOptions = {
  /** Starts a new session when the server has given this one up; else that is its end. */
  readonly renew?: boolean
  readonly reconnect?: Partial<ReconnectPolicy>
  /** How frames travel to a server that takes them binary; `float32` unless told. */
  readonly format?: FrameFormat
  /** Both, unless told: `session` brings changes of status and the counsellor's answers. */
  readonly channels?: readonly Channel[]
}

export type Session = ReturnType<typeof openSession>

type Started = { readonly sessionId: string; readonly startedAt: number; readonly isNew: boolean }

type Dependencies = {
  readonly http: Http
  readonly WebSocket: SocketConstructor
  readonly connectivity: Connectivity
  /** The address of one more socket of the session. */
  readonly address: (channel: Channel, sessionId: string, signal: AbortSignal) => Promise<string>
  readonly start: () => Promise<Started>
  readonly options: SessionOptions
}

/** A session that cannot be had is not asked for without end. */
const MAX_RENEWALS = 3
const STATUS_AFTER = { session_paused: 'paused', session_resumed: 'active', session_ended: 'ended' } as const
const COMPLAIN_EVERY_MS = 1000
const ASK_MS = 3000
/** Said once: whoever pushes points of another kind does so thirty times a second. */
const NO_FACE =
  'These are no face points: push 468 or 478 of x, y, z, x and y as fractions of the image, or their numbers as a Float32Array.'
/** The session channel brings crisis lines: it is not given up while the session goes on. */
const PERSISTENT = { giveUpMs: Number.POSITIVE_INFINITY, maxTries: Number.POSITIVE_INFINITY }

/** A live session: faces in, events out, one object through all its sockets. */
export function openSession(first: Started, dependencies: Dependencies) {
  const { http, WebSocket, connectivity, address, start, options } = dependencies
  const { renew = false, format = 'float32', channels = ['landmarks', 'session'] } = options
  const policy = { ...DEFAULT_POLICY, ...options.reconnect }
  const { on, emit } = createEmitter<SessionEvents>()
  const main = channels.includes('landmarks') ? 'landmarks' : 'session'

  let id = first.sessionId
  let feed = new Feed(format, first.startedAt)
  let results = createResults()
  let links = new Map<Channel, Link>()
  let renewals = 0
  let isStreaming = false
  let isEnding = false
  let isRefusalTold = false
  let complainedAt = Number.NEGATIVE_INFINITY
  let over: EndedReason | undefined

  const fail = (code: string, message: string, retryable: boolean) =>
    emit('error', { code, message, retryable })

  const garbled = () => {
    if (monotonic() - complainedAt < COMPLAIN_EVERY_MS) return
    complainedAt = monotonic()
    fail('BAD_MESSAGE', 'the server sent something that cannot be read', true)
  }

  const hear = ({ type, data }: Message): void => {
    switch (type) {
      case 'emotion_update': {
        const emotion = readEmotion(data)
        if (emotion === undefined) garbled()
        else if (results.isNew(emotion)) {
          renewals = 0
          emit('emotion', emotion)
        }
        return
      }
      case 'status_update':
      case 'pause_success':
      case 'resume_success':
      case 'end_success': {
        const status = readStatus(data)
        feed.clock(data['duration'])
        if (status === undefined) garbled()
        else if (type === 'status_update') emit('status', status)
        return
      }
      case 'session_paused':
      case 'session_resumed':
      case 'session_ended':
        // The session channel says the same, and more.
        if (!links.has('session')) emit('status', { status: STATUS_AFTER[type] })
        return
      case 'rate':
        feed.rate(data)
        return
      case 'resumed':
        feed.resumed(data)
        return
      case 'error':
        fail(textOf(data['code']) || 'UNKNOWN', textOf(data['message']), data['retryable'] === true)
        return
      default: {
        const piece = readAi(type, data)
        if (piece === undefined) return // news of a later server
        isStreaming = piece.type === 'begin' || piece.type === 'chunk'
        emit('ai', piece)
      }
    }
  }

  const lost = (channel: Channel): void => {
    if (channel === 'landmarks') feed.detach()
    else if (isStreaming) {
      isStreaming = false
      emit('ai', { type: 'error', code: 'CONNECTION_LOST', message: 'the connection was lost' })
    }
  }

  const finish = (reason: EndedReason, detail: string): void => {
    if (over !== undefined) return
    over = reason
    for (const link of links.values()) link.close()
    feed.detach()
    emit('ended', { reason, sessionId: id, detail })
  }

  const renewed = async (detail: string): Promise<void> => {
    try {
      const next = await start()
      if (over === undefined) begin(next)
    } catch (error) {
      const code = error instanceof MaeumError ? error.code : 'UNKNOWN'
      fail(code, String(error), false)
      finish('gone', detail)
    }
  }

  const open = (channel: Channel, isNew: boolean): Link => {
    const isMain = channel === main
    const link = new Link({
      WebSocket,
      connectivity,
      policy: isMain ? policy : { ...policy, ...PERSISTENT },
      address: (signal) => address(channel, id, signal),
      ask: async () => {
        const verdict = await ask(http, id)
        return verdict === 'signed_out' && !isMain ? 'retry' : verdict
      },
      onReady: (wire, greeting) => {
        if (channel === 'landmarks') {
          const isResuming = wire.isV2 && (!isNew || results.last > 0 || feed.highestSent > 0)
          const has = { window: results.last, frame: feed.highestSent }
          if (isResuming) wire.send(JSON.stringify({ type: 'resume', data: has }))
          feed.attach(wire, greeting.data, isResuming)
        }
        emit('open', { channel, sessionId: id })
      },
      onMessage: hear,
      onGarbled: garbled,
      onLost: () => lost(channel),
      onRetry: (attempt) => emit('reconnecting', { ...attempt, channel }),
      onOver: (verdict, { reason, code }) => {
        const detail = reason || String(code)
        if (!isMain) return // what has become of the session, its main channel learns too
        if (isEnding && verdict === 'gone') {
          finish('ended', detail) // it ended as asked, while there was no socket
        } else if (verdict === 'gone' && renew && renewals++ < MAX_RENEWALS) {
          void renewed(detail)
        } else finish(verdict, detail)
      },
    })
    link.dial()
    return link
  }

  const begin = ({ sessionId, startedAt, isNew }: Started): void => {
    for (const link of links.values()) link.close()
    feed.detach()
    id = sessionId
    feed = new Feed(format, startedAt)
    results = createResults()
    links = new Map(channels.map((channel) => [channel, open(channel, isNew)]))
  }

  begin(first)

  const command = <Name extends Extract<keyof Routes, `POST /api/session/:id/${string}`>>(name: Name) =>
    http.call(name, { params: { id } })

  return {
    /** Of the present session; another one after a renewal. */
    get id(): string {
      return id
    },
    get stats(): FeedStats {
      return feed.stats
    },
    on,

    /** One face, as often as the camera gives one; as many are sent as the server can use. Never throws, never waits. */
    push(face: Landmarks, shot?: Shot): PushResult {
      const result = over === undefined ? feed.push(face, shot) : 'closed'
      if (result === 'invalid' && !isRefusalTold) {
        isRefusalTold = true
        emit('error', { code: 'INVALID_FRAME', message: NO_FACE, retryable: false })
      }
      return result
    },

    pause: () => command('POST /api/session/:id/pause'),
    resume: () => command('POST /api/session/:id/resume'),
    /** Ends it for good. The last window's answer still comes, then `ended`. */
    async end() {
      const answer = await command('POST /api/session/:id/end')
      isEnding = true
      return answer
    },

    /** Asks the counsellor, who answers with `ai` events; false when the session channel is not open. */
    ask(message: string, emotion: string | null = null): boolean {
      const data = { message, emotion, timestamp: Date.now() }
      const wire = links.get('session')?.wire
      return wire?.send(JSON.stringify({ type: 'request_ai_response', data })) ?? false
    },

    /** Leaves; the session lives on, and `attach` comes back to it. */
    close: () => finish('closed', ''),
  }
}

/** What the server says of the session. No answer, and one that is not the server's own, say nothing. */
async function ask(http: Http, id: string): Promise<Verdict> {
  try {
    const { status } = await http.call('GET /api/session/:id', {
      params: { id },
      signal: AbortSignal.timeout(ASK_MS),
    })
    return status === 'ended' ? 'gone' : 'retry'
  } catch (error) {
    if (!(error instanceof MaeumError) || error.retryable) return 'retry'
    if (error.code === 'SESSION_NOT_FOUND') return 'gone'
    return error.status === 401 ? 'signed_out' : 'retry'
  }
}
