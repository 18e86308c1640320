import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { checkRequest, type RecordedRequest, readPath, refusal } from './protocol.ts'
import { answer, type Step, sendJson } from './steps.ts'

/** The only key that the double takes, unless it is told otherwise. */
export const DOUBLE_KEY = 'AIzaDouble-0123456789-only-for-tests'

/** The newest requests and events are kept, so that a double may run for hours. */
const KEPT = 1000
const LARGEST_BODY = 1 << 20
const WAIT_MS = 5000

/** A list is played in order and its last step for ever; a function chooses a step for each request. */
export type Script = readonly Step[] | ((request: RecordedRequest) => Step)

export type GeminiDouble = {
  readonly baseUrl: string
  /** Every request with a known path, oldest first, also those refused by the checks. */
  readonly requests: readonly RecordedRequest[]
  /** Open TCP connections. */
  readonly connections: number
  /** Plays another script from its beginning. */
  script(script: Script): void
  /** The oldest request not yet returned, or the next to come. Rejects after five seconds. */
  nextRequest(): Promise<RecordedRequest>
  /**
   * Resolves for each ended connection that carried a request, once for each call. Rejects after five seconds.
   * Node's fetch opens a spare connection when a request is aborted; that one does not count.
   */
  connectionClosed(): Promise<void>
  close(): Promise<void>
}

/** Where a test hangs its cleaning up. */
type Teardown = { teardown(handler: () => Promise<void>): unknown }

export type DoubleOptions = {
  readonly port?: number
  readonly host?: string
  /** The key that requests must carry; null takes any. */
  readonly apiKey?: string | null
  /** Told of every request with a known path. */
  readonly onRequest?: (request: RecordedRequest) => void
}

/** An HTTP server on a free local port (or another) that speaks Gemini's REST protocol and does what the script says. */
export async function createGeminiDouble(
  t?: Teardown,
  script: Script = [],
  { port = 0, host = '127.0.0.1', apiKey = DOUBLE_KEY, onRequest }: DoubleOptions = {},
): Promise<GeminiDouble> {
  const requests: RecordedRequest[] = []
  const sockets = new Set<Socket>()
  const used = new WeakSet<Socket>()
  const arrivals = createQueue<RecordedRequest>('request')
  const closings = createQueue<undefined>('closed connection')
  let next = player(script)

  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = message.url ?? ''
    const target = readPath(path)
    if (message.method !== 'POST' || target === undefined) {
      sendJson(response, 404, refusal(404, 'NOT_FOUND', 'Not Found').body)
      return
    }
    const { method, headers } = message
    const request = { method, path, ...target, headers, body: await readJson(message) }
    used.add(message.socket)
    requests.push(request)
    if (requests.length > KEPT) requests.shift()
    arrivals.push(request)
    onRequest?.(request)
    const refused = checkRequest(request, apiKey)
    if (refused === undefined) await next(request)(request, response)
    else sendJson(response, refused.status, refused.body)
  }

  const server = createServer((message, response) => {
    serve(message, response).catch(() => response.destroy()) // the client left, or a step threw
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => {
      sockets.delete(socket)
      if (used.has(socket)) closings.push(undefined)
    })
  })
  server.listen(port, host)
  await once(server, 'listening')

  async function close(): Promise<void> {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  t?.teardown(close)

  return {
    baseUrl: `http://${host}:${(server.address() as AddressInfo).port}`, // a TCP server has a port
    requests,
    get connections() {
      return sockets.size
    },
    script(other) {
      next = player(other)
    },
    nextRequest: () => arrivals.next(),
    connectionClosed: () => closings.next(),
    close,
  }
}

function player(script: Script): (request: RecordedRequest) => Step {
  if (typeof script === 'function') return script
  let played = 0
  return () => script[Math.min(played++, script.length - 1)] ?? answer()
}

async function readJson(message: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_BODY) throw new RangeError('request body too large')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    return undefined // the request check answers 400
  }
}

/** Events that are awaited one by one, whether they come before or after the wait begins. */
function createQueue<T>(what: string) {
  const events: T[] = []
  const waiting: ((event: T) => void)[] = []
  return {
    push(event: T): void {
      const resolve = waiting.shift()
      if (resolve === undefined) events.push(event)
      else resolve(event)
      if (events.length > KEPT) events.shift()
    },
    next(): Promise<T> {
      if (events.length > 0) return Promise.resolve(events.shift() as T) // just seen to hold one
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(take), 1)
          reject(new Error(`no ${what} within ${WAIT_MS} ms`))
        }, WAIT_MS)
        const take = (event: T) => {
          clearTimeout(timer)
          resolve(event)
        }
        waiting.push(take)
      })
    },
  }
}
