import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { checkRequest, type RecordedRequest, readPath, refusal } from './protocol.ts'
import { answer, type Step, sendJson } from './steps.ts'

/** The only accepted key by default. */
export const DOUBLE_KEY = 'AIzaDouble-0123456789-only-for-tests'

/** Limit of the kept requests and events, so that a double can run for hours. */
const KEPT = 1000
const LARGEST_BODY = 1 << 20
const WAIT_MS = 5000

/** A list is played in order and its last step is repeated; a function chooses a step for each request. */
export type Script = readonly Step[] | ((request: RecordedRequest) => Step)

export type GeminiDouble = {
  readonly baseUrl: string
  /** All requests with a known path, oldest first, including refused ones. */
  readonly requests: readonly RecordedRequest[]
  /** Open TCP connections. */
  readonly connections: number
  /** Starts another script. */
  script(script: Script): void
  /** Returns the oldest request not returned yet, or waits for the next one. Rejects after five seconds. */
  nextRequest(): Promise<RecordedRequest>
  /**
   * Resolves once for each ended connection that carried a request. Rejects after five seconds.
   * Node's fetch opens a spare connection when a request is aborted; that one does not count.
   */
  connectionClosed(): Promise<void>
  close(): Promise<void>
}

/** The cleanup hook of a test. */
type Teardown = { teardown(handler: () => Promise<void>): unknown }

export type DoubleOptions = {
  readonly port?: number
  readonly host?: string
  /** The key that requests must contain; null accepts any. */
  readonly apiKey?: string | null
  /** Called for every request with a known path. */
  readonly onRequest?: (request: RecordedRequest) => void
}

/**
 * An HTTP server on a free local port, or a given one, that implements Gemini's REST protocol and follows the script.
 */
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

/** Events that are awaited one by one, whether they occur before or after the wait starts. */
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
