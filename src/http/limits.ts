import { randomUUID } from 'node:crypto'
import { type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyHttpOptions } from 'fastify'
import { type ErrorCode, errorMessage, errorStatus } from '../protocol/errors.ts'

const HEADERS_TIMEOUT_MS = 10_000
/** Allows an upload of 10 MiB on a slow connection. */
const REQUEST_TIMEOUT_MS = 60_000
/** How often the two timeouts above are checked; Node's default of 30 s is too long. */
const CHECK_INTERVAL_MS = 2000
/** Inactivity timeout of connections; WebSockets are exempt, they have pings. */
const INACTIVITY_TIMEOUT_MS = 90_000
const MAX_HEADER_BYTES = 16 * 1024

const CODES: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
}

/**
 * Answers an unparseable request with the failure envelope, written by hand because Fastify has no reply for it. Its
 * language and origin are unknown.
 */
function answerUnreadable(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code = CODES[error.code] ?? 'BAD_REQUEST'
  const status = errorStatus(code)
  const requestId = randomUUID()
  const body = JSON.stringify({
    success: false,
    error: { code, message: errorMessage(code, 'ko'), requestId },
  })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-ID: ${requestId}`,
    'Cache-Control: no-store',
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
    'Referrer-Policy: no-referrer',
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroySoon() // no half-open connection if the peer does not close
}

/**
 * Size and time limits for each phase of a request, so that slow or endless requests occupy no more than a connection.
 *
 * @param keepAliveMs idle timeout of a connection. A proxy must close its own first, or it may send a request on a
 *   connection that is being closed.
 */
export const createHttpLimits = (keepAliveMs: number) =>
  ({
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    },
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: keepAliveMs,
    connectionTimeout: Math.max(INACTIVITY_TIMEOUT_MS, keepAliveMs + CHECK_INTERVAL_MS),
    clientErrorHandler: answerUnreadable,
  }) satisfies FastifyHttpOptions<Server>
