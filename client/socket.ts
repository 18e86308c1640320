import type { SocketConstructor } from './environment.ts'
import { type Message, parseMessage } from './frames.ts'
import type { SocketLoss } from './reconnect.ts'

export const V2 = 'maeum.v2'
/** Longest wait for a pong after a network change. */
const PROBE_MS = 3000
/** A failed socket closes within this time; Node 22 emits `error` and never `close`. */
const CLOSED_AFTER_MS = 100
const OPEN = 1

export type SocketTimeouts = {
  /** Timeout of the ticket request, and from opening the socket to `connected`. */
  readonly connectMs: number
  /** Without messages for this long a ping is sent; after twice that the socket is dropped. */
  readonly heartbeatMs: number
}

type Listener = {
  /** `connected` was received. */
  ready(socket: Socket, greeting: Message): void
  message(message: Message): void
  /** An unparseable message was received. */
  invalid(): void
  /** Called once, and not after `close`. */
  lost(loss: SocketLoss): void
}

/** One socket of a channel. */
export type Socket = {
  readonly isV2: boolean
  readonly bufferedAmount: number
  /** Returns false when it is not open. */
  send(data: string | ArrayBuffer): boolean
  /** Sends a ping and drops the socket unless a message arrives soon. */
  probe(): void
  close(): void
}

export function openSocket(
  url: string,
  { connectMs, heartbeatMs }: SocketTimeouts,
  WebSocket: SocketConstructor,
  listener: Listener,
): Socket {
  const webSocket = new WebSocket(url, [V2])
  let isReady = false
  let isDone = false
  let isQuiet = false
  let isPinged = false
  let refusal: number | undefined
  let probing: ReturnType<typeof setTimeout> | undefined
  let failing: ReturnType<typeof setTimeout> | undefined

  const late = setTimeout(() => abandon('no greeting'), connectMs)
  const heartbeat = setInterval(() => {
    if (!isReady) return
    // Intervals are counted, not timed: after a stall of the page received messages are not processed yet.
    if (isQuiet && isPinged) abandon('silent')
    else if (isQuiet) sendPing()
    isQuiet = true
  }, heartbeatMs)

  const finish = () => {
    isDone = true
    clearTimeout(late)
    clearTimeout(probing)
    clearTimeout(failing)
    clearInterval(heartbeat)
  }

  const lose = (code: number, reason: string) => {
    if (isDone) return
    finish()
    listener.lost({ code, reason, wasReady: isReady, refusal })
  }

  /** Does not wait for the close handshake: with a dead peer it takes 30 s. */
  const abandon = (reason: string) => {
    lose(1006, reason)
    webSocket.close()
    webSocket.terminate?.()
  }

  const socket: Socket = {
    get isV2() {
      return webSocket.protocol === V2
    },
    get bufferedAmount() {
      return webSocket.bufferedAmount
    },
    send(data) {
      if (isDone || webSocket.readyState !== OPEN) return false
      webSocket.send(data)
      return true
    },
    probe() {
      if (!isReady || isDone) return
      sendPing()
      clearTimeout(probing)
      probing = setTimeout(() => {
        if (isPinged) abandon('silent')
      }, PROBE_MS)
    },
    close() {
      finish()
      webSocket.close(1000)
    },
  }

  const sendPing = () => {
    isPinged = true
    socket.send('{"type":"ping"}')
  }

  webSocket.addEventListener('message', ({ data }) => {
    if (isDone) return
    isQuiet = false
    isPinged = false
    const message = parseMessage(data)
    if (message === undefined) listener.invalid()
    else if (message.type === 'connected' && !isReady) {
      isReady = true
      clearTimeout(late)
      listener.ready(socket, message)
    } else listener.message(message)
  })
  // Only `ws` exposes the status of a refused handshake.
  webSocket.addEventListener('error', ({ message }) => {
    const status = /server response: (\d{3})/.exec(message ?? '')?.[1]
    if (status !== undefined) refusal = Number(status)
    if (!isDone) failing ??= setTimeout(() => abandon('failed'), CLOSED_AFTER_MS)
  })
  webSocket.addEventListener('close', ({ code, reason }) => lose(code ?? 1006, reason ?? ''))
  return socket
}
