import { createEmitter } from './emitter.ts'
import type { FrameFormat } from './encode.ts'
import type { Connectivity, SocketConstructor } from './environment.ts'
import { MaeumError } from './error.ts'
import { createErrorEvents } from './error-events.ts'
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
  toText,
} from './frames.ts'
import type { Http } from './http.ts'
import {
  type Attempt,
  DEFAULT_POLICY,
  ChannelConnection,
  type ReconnectPolicy,
} from './channel-connection.ts'
import type { Landmarks } from './points.ts'
import { createResults } from './results.ts'
import type { Routes } from './routes.ts'
import type { Outcome } from './reconnect.ts'

export type Channel = 'landmarks' | 'session'

/**
 * Why the session is over. `ended`: ended by its owner, all answers arrived. `gone`: unknown to the server, or ended
 * while the client was disconnected. `superseded`: another page took it over. `signed_out`: the login has ended.
 * `unreachable`: all attempts failed; the session may still be live, use `attach`. `closed`: `close` was called.
 */
export type EndedReason = Exclude<Outcome, 'retry'> | 'unreachable' | 'closed'

export type SessionEvents = {
  /** A window's answer; each window and revision is emitted once, also across reconnects. */
  emotion: EmotionEvent
  status: StatusEvent
  error: ErrorEvent
  /** A channel is connected, for the first time or again. */
  open: { readonly channel: Channel; readonly sessionId: string }
  reconnecting: Attempt & { readonly channel: Channel }
  ended: { readonly reason: EndedReason; readonly sessionId: string; readonly detail: string }
  ai: AiEvent
}

export type SessionOptions = {
  /** Whether to start a new session when the server has ended this one. */
  readonly renew?: boolean
  readonly reconnect?: Partial<ReconnectPolicy>
  /** Frame format, when the server supports binary frames; default: `float32`. */
  readonly format?: FrameFormat
  /** Default: both. `session` carries status changes and the counsellor's answers. */
  readonly channels?: readonly Channel[]
}

export type Session = ReturnType<typeof openSession>

type Started = { readonly sessionId: string; readonly startedAt: number; readonly isNew: boolean }

type Dependencies = {
  readonly http: Http
  readonly WebSocket: SocketConstructor
  readonly connectivity: Connectivity
  /** Builds the URL of a socket of the session. */
  readonly address: (channel: Channel, sessionId: string, signal: AbortSignal) => Promise<string>
  readonly start: () => Promise<Started>
  readonly options: SessionOptions
}

const MAX_RENEWALS = 3
const STATUS_AFTER = { session_paused: 'paused', session_resumed: 'active', session_ended: 'ended' } as const
const CHECK_TIMEOUT_MS = 3000
/** The session channel carries crisis lines: it reconnects as long as the session is live. */
const PERSISTENT = { giveUpMs: Number.POSITIVE_INFINITY, maxTries: Number.POSITIVE_INFINITY }

/** Opens a live session: takes faces, emits events, and reconnects its channels. */
export function openSession(first: Started, dependencies: Dependencies) {
  const { http, WebSocket, connectivity, address, start, options } = dependencies
  const { renew = false, format = 'float32', channels = ['landmarks', 'session'] } = options
  const policy = { ...DEFAULT_POLICY, ...options.reconnect }
  const { on, emit } = createEmitter<SessionEvents>()
  const errors = createErrorEvents((event) => emit('error', event))
  const main = channels.includes('landmarks') ? 'landmarks' : 'session'

  let id = first.sessionId
  let feed = new Feed(format, first.startedAt)
  let results = createResults()
  let connections = new Map<Channel, ChannelConnection>()
  let renewals = 0
  let isStreaming = false
  let isEnding = false
  let endedReason: EndedReason | undefined

  const receive = ({ type, data }: Message): void => {
    switch (type) {
      case 'emotion_update': {
        const emotion = readEmotion(data)
        if (emotion === undefined) errors.reportInvalidMessage()
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
        feed.setDuration(data['duration'])
        if (status === undefined) errors.reportInvalidMessage()
        else if (type === 'status_update') emit('status', status)
        return
      }
      case 'session_paused':
      case 'session_resumed':
      case 'session_ended':
        // The session channel reports the same in more detail.
        if (!connections.has('session')) emit('status', { status: STATUS_AFTER[type] })
        return
      case 'rate':
        feed.onRate(data)
        return
      case 'resumed':
        feed.onResumed(data)
        return
      case 'error':
        emit('error', {
          code: toText(data['code']) || 'UNKNOWN',
          message: toText(data['message']),
          retryable: data['retryable'] === true,
        })
        return
      default: {
        const event = readAi(type, data)
        if (event === undefined) return // a message of a newer server
        isStreaming = event.type === 'begin' || event.type === 'chunk'
        emit('ai', event)
      }
    }
  }

  const finish = (reason: EndedReason, detail: string): void => {
    if (endedReason !== undefined) return
    endedReason = reason
    for (const connection of connections.values()) connection.close()
    feed.detach()
    emit('ended', { reason, sessionId: id, detail })
  }

  const restart = async (detail: string): Promise<void> => {
    try {
      const next = await start()
      if (endedReason === undefined) begin(next)
    } catch (error) {
      const code = error instanceof MaeumError ? error.code : 'UNKNOWN'
      emit('error', { code, message: String(error), retryable: false })
      finish('gone', detail)
    }
  }

  const open = (channel: Channel, isNew: boolean): ChannelConnection => {
    const isMain = channel === main
    const connection = new ChannelConnection({
      WebSocket,
      connectivity,
      policy: isMain ? policy : { ...policy, ...PERSISTENT },
      address: (signal) => address(channel, id, signal),
      checkSession: async () => {
        const outcome = await getSessionOutcome(http, id)
        return outcome === 'signed_out' && !isMain ? 'retry' : outcome
      },
      onReady: (socket, greeting) => {
        if (channel === 'landmarks') {
          const isResuming = socket.isV2 && (!isNew || results.last > 0 || feed.highestSent > 0)
          const position = { window: results.last, frame: feed.highestSent }
          if (isResuming) socket.send(JSON.stringify({ type: 'resume', data: position }))
          feed.attach(socket, greeting.data, isResuming)
        }
        emit('open', { channel, sessionId: id })
      },
      onMessage: receive,
      onInvalid: () => errors.reportInvalidMessage(),
      onLost: () => {
        if (channel === 'landmarks') feed.detach()
        else if (isStreaming) {
          isStreaming = false
          emit('ai', { type: 'error', code: 'CONNECTION_LOST', message: 'the connection was lost' })
        }
      },
      onRetry: (attempt) => emit('reconnecting', { ...attempt, channel }),
      onEnd: (outcome, { reason, code }) => {
        const detail = reason || String(code)
        if (!isMain) return // the main channel decides about the session
        if (isEnding && outcome === 'gone') {
          finish('ended', detail) // it ended on request while no socket was open
        } else if (outcome === 'gone' && renew && renewals++ < MAX_RENEWALS) {
          void restart(detail)
        } else finish(outcome, detail)
      },
    })
    connection.dial()
    return connection
  }

  const begin = ({ sessionId, startedAt, isNew }: Started): void => {
    for (const connection of connections.values()) connection.close()
    feed.detach()
    id = sessionId
    feed = new Feed(format, startedAt)
    results = createResults()
    connections = new Map(channels.map((channel) => [channel, open(channel, isNew)]))
  }

  begin(first)

  return {
    /** Id of the current session; it changes when a new session is started by `renew`. */
    get id(): string {
      return id
    },
    get stats(): FeedStats {
      return feed.stats
    },
    on,

    /** Takes one face per camera image and sends as many as the server can use. Never throws, never blocks. */
    push(face: Landmarks, shot?: Shot): PushResult {
      const result = endedReason === undefined ? feed.push(face, shot) : 'closed'
      if (result === 'invalid') errors.reportInvalidFace()
      return result
    },

    pause: () => sendCommand(http, id, 'POST /api/session/:id/pause'),
    resume: () => sendCommand(http, id, 'POST /api/session/:id/resume'),
    /** Ends the session. The last window's answer is still delivered, then `ended`. */
    async end() {
      const answer = await sendCommand(http, id, 'POST /api/session/:id/end')
      isEnding = true
      return answer
    },

    /** Sends a message to the counsellor, whose answer arrives as `ai` events; false when the session channel is not open. */
    ask(message: string, emotion: string | null = null): boolean {
      const data = { message, emotion, timestamp: Date.now() }
      const socket = connections.get('session')?.socket
      return socket?.send(JSON.stringify({ type: 'request_ai_response', data })) ?? false
    },

    /** Disconnects; the session stays live and `attach` reconnects to it. */
    close: () => finish('closed', ''),
  }
}

type Command = Extract<keyof Routes, `POST /api/session/:id/${string}`>

const sendCommand = <Name extends Command>(http: Http, id: string, name: Name) =>
  http.call(name, { params: { id } })

/** Queries the session's state. No response, or one that is not the server's own, means retry. */
async function getSessionOutcome(http: Http, id: string): Promise<Outcome> {
  try {
    const { status } = await http.call('GET /api/session/:id', {
      params: { id },
      signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
    })
    return status === 'ended' ? 'gone' : 'retry'
  } catch (error) {
    if (!(error instanceof MaeumError) || error.retryable) return 'retry'
    if (error.code === 'SESSION_NOT_FOUND') return 'gone'
    return error.status === 401 ? 'signed_out' : 'retry'
  }
}
