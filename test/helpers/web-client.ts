import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { BROWSER_ORIGIN, type ServerMessage } from './app.ts'
import { eventually } from './eventually.ts'
import type { Fleet, Instance, StartedSession } from './fleet.ts'
import { frames } from './frames.ts'

const FRAME_EVERY_MS = 100
const RETRY_MS = 50
/** After a socket that was told that its session is over: it is tried again only because a failover may take the end back. */
const ENDED_RETRY_MS = 500
const OVER = new Set([1000, 1008])
const HANDSHAKE_MS = 2000

const [FRAME = ''] = frames('happy', 1)

/** One landmarks socket of a client, with all that happened on it; times of this machine, ms. */
export type ClientSocket = {
  readonly instance: Instance
  readonly messages: (ServerMessage & { readonly at: number })[]
  readonly socket: WebSocket
  closed: { readonly code: number; readonly reason: string; readonly at: number } | undefined
  /** When its server died or fell silent, if that was before the socket closed. */
  lostAt: number | undefined
}

export type Update = { readonly window: number; readonly socket: ClientSocket; readonly at: number }

type Options = {
  readonly session: StartedSession
  /** Tried in turn, the first one first. */
  readonly instances: readonly Instance[]
  readonly protocol?: 'maeum.v2'
  /** Between two frames; ten a second unless there are many clients. */
  readonly everyMs?: number
}

/**
 * The landmarks channel as the web client runs it: ten frames a second on the newest socket, a new socket at once when
 * that one is lost, and everything remembered.
 */
export function openClient(
  t: Pick<Test, 'teardown'>,
  { session, instances, protocol, everyMs = FRAME_EVERY_MS }: Options,
) {
  const sockets: ClientSocket[] = []
  const refusals: string[] = []
  const sent: { readonly at: number; readonly socket: ClientSocket }[] = []
  let turn = 0
  let streaming = true
  let stopped = false
  let retry: NodeJS.Timeout | undefined

  const open = (instance: Instance | undefined) => {
    if (stopped || instance === undefined) return
    const url = `${instance.origin.replace('http', 'ws')}/ws/landmarks/${session.id}`
    const options = { headers: { origin: BROWSER_ORIGIN }, handshakeTimeout: HANDSHAKE_MS }
    const socket = new WebSocket(url, protocol === undefined ? [] : [protocol], options)
    const record: ClientSocket = { instance, messages: [], socket, closed: undefined, lostAt: undefined }
    socket.on('open', () => sockets.push(record))
    socket.on('message', (text: Buffer) => {
      const message = JSON.parse(text.toString()) as ServerMessage // our own server's frames
      record.messages.push({ ...message, at: Date.now() })
    })
    socket.on('error', (error) => refusals.push(error.message))
    socket.on('close', (code, reason) => {
      record.closed = { code, reason: reason.toString(), at: Date.now() }
      const wasOpen = sockets.includes(record)
      if (wasOpen && sockets.at(-1) !== record) return
      const lostMs = OVER.has(code) ? ENDED_RETRY_MS : 0
      retry = setTimeout(() => open(instances[++turn % instances.length]), wasOpen ? lostMs : RETRY_MS)
    })
  }

  const pulse = setInterval(() => {
    const newest = sockets.at(-1)
    if (!streaming || newest?.socket.readyState !== WebSocket.OPEN) return
    newest.socket.send(FRAME)
    sent.push({ at: Date.now(), socket: newest })
  }, everyMs)

  const leave = () => {
    stopped = true
    clearInterval(pulse)
    clearTimeout(retry)
    for (const { socket } of sockets) socket.terminate()
  }
  t.teardown(leave)
  open(instances[0])

  const told = (of: 'emotion_update' | 'analysis_started'): Update[] =>
    sockets.flatMap((socket) =>
      socket.messages
        // A refined answer comes after the window's own one.
        .filter(({ type, data }) => type === of && data['revision'] !== 2)
        .map(({ data, at }) => ({ window: Number(data['window']), socket, at })),
    )

  const updates = () => told('emotion_update')

  return {
    session,
    sockets,
    /** Handshakes that failed, as the client's errors. */
    refusals,
    sent,
    updates,
    /** Windows of which it has received the answer, each as often as it came. */
    windows: () => updates().map(({ window }) => window),
    /** Windows of which it was told that their analysis has begun. */
    announced: () => told('analysis_started').map(({ window }) => window),
    /** Sends no more frames and keeps the socket, or goes on. */
    stream: (on: boolean) => {
      streaming = on
    },
    /** Its server is about to fall silent while the socket stays open. */
    loses: () => {
      const newest = sockets.at(-1)
      if (newest !== undefined) newest.lostAt = Date.now()
    },
    /** A further socket, there; the present one stays as it is and sends nothing any more. */
    moveTo: open,
    leave,
    /** Until this many more windows have been received on the newest socket. */
    receives: async (count: number): Promise<void> => {
      const before = updates().length
      await eventually(
        () => updates().length,
        (now) => now >= before + count,
      )
    },
  }
}

export type WebClient = ReturnType<typeof openClient>

/** Clients of new sessions, streaming to the first of these instances. */
export async function openClients(
  t: Pick<Test, 'teardown'>,
  fleet: Pick<Fleet, 'startSessions'>,
  { count, ...options }: Omit<Options, 'session'> & { readonly count: number },
): Promise<WebClient[]> {
  const sessions = await fleet.startSessions(count)
  return sessions.map((session) => openClient(t, { session, ...options }))
}

/** Until each of them has received this many more windows. */
export const allReceive = (clients: readonly WebClient[], count: number) =>
  Promise.all(clients.map((client) => client.receives(count)))
