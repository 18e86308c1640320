import type { SocketConstructor } from './environment.ts'
import { type Message, parseMessage } from './frames.ts'
import type { Loss } from './verdict.ts'

export const V2 = 'maeum.v2'
/** How long after a change of network a server may take to answer. */
const PROBE_MS = 3000
/** By then a socket that has failed is closed; the one built into Node 22 never says that it is. */
const CLOSED_AFTER_MS = 100
const OPEN = 1

export type WireTimes = {
  /** For the ticket of a socket, and from its dial to the server's greeting. */
  readonly connectMs: number
  /** After so long a silence the server is asked, after twice that it counts as gone. */
  readonly heartbeatMs: number
}

type Listener = {
  /** The server has greeted us. */
  ready(wire: Wire, greeting: Message): void
  message(message: Message): void
  /** Something came that no maeum server sends. */
  garbled(): void
  /** Once, and not after `close`. */
  lost(loss: Loss): void
}

/** One socket from its dial to its end. */
export type Wire = {
  readonly isV2: boolean
  readonly bufferedAmount: number
  /** False when it is not open. */
  send(data: string | ArrayBuffer): boolean
  /** Asks whether the server is still there, and gives the socket up when it does not answer soon. */
  probe(): void
  close(): void
}

export function openWire(
  url: string,
  { connectMs, heartbeatMs }: WireTimes,
  WebSocket: SocketConstructor,
  listener: Listener,
): Wire {
  const socket = new WebSocket(url, [V2])
  let isReady = false
  let isDone = false
  let isQuiet = false
  let isAsked = false
  let refusal: number | undefined
  let probing: ReturnType<typeof setTimeout> | undefined
  let failing: ReturnType<typeof setTimeout> | undefined

  const late = setTimeout(() => abandon('no greeting'), connectMs)
  const heart = setInterval(() => {
    if (!isReady) return
    // Counted, not timed: after a stall of this page the messages are there and only not read yet.
    if (isQuiet && isAsked) abandon('silent')
    else if (isQuiet) ask()
    isQuiet = true
  }, heartbeatMs)

  const finish = () => {
    isDone = true
    clearTimeout(late)
    clearTimeout(probing)
    clearTimeout(failing)
    clearInterval(heart)
  }

  const lose = (code: number, reason: string) => {
    if (isDone) return
    finish()
    listener.lost({ code, reason, wasReady: isReady, refusal })
  }

  /** A dead peer would let a proper close wait for half a minute. */
  const abandon = (reason: string) => {
    lose(1006, reason)
    socket.close()
    socket.terminate?.()
  }

  const wire: Wire = {
    get isV2() {
      return socket.protocol === V2
    },
    get bufferedAmount() {
      return socket.bufferedAmount
    },
    send(data) {
      if (isDone || socket.readyState !== OPEN) return false
      socket.send(data)
      return true
    },
    probe() {
      if (!isReady || isDone) return
      ask()
      clearTimeout(probing)
      probing = setTimeout(() => {
        if (isAsked) abandon('silent')
      }, PROBE_MS)
    },
    close() {
      finish()
      socket.close(1000)
    },
  }

  const ask = () => {
    isAsked = true
    wire.send('{"type":"ping"}')
  }

  socket.addEventListener('message', ({ data }) => {
    if (isDone) return
    isQuiet = false
    isAsked = false
    const message = parseMessage(data)
    if (message === undefined) listener.garbled()
    else if (message.type === 'connected' && !isReady) {
      isReady = true
      clearTimeout(late)
      listener.ready(wire, message)
    } else listener.message(message)
  })
  // Only `ws` says why a handshake was refused; browsers keep it to themselves.
  socket.addEventListener('error', ({ message }) => {
    const status = /server response: (\d{3})/.exec(message ?? '')?.[1]
    if (status !== undefined) refusal = Number(status)
    if (!isDone) failing ??= setTimeout(() => abandon('failed'), CLOSED_AFTER_MS)
  })
  socket.addEventListener('close', ({ code, reason }) => lose(code ?? 1006, reason ?? ''))
  return wire
}
