import { randomUUID } from 'node:crypto'
import { type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyHttpOptions } from 'fastify'
import { type ErrorCode, errorMessage, errorStatus } from '../errors.ts'

const HEADERS_MS = 10_000
/** A recording of ten megabytes on a slow line takes most of this. */
const REQUEST_MS = 60_000
/** How often connections are looked at for the two above; Node's own half minute is an invitation. */
const CHECK_EVERY_MS = 2000
/** Nothing read or written for so long; sockets of sessions are exempt, they have pings. */
const SILENT_MS = 90_000
const MAX_HEADER_BYTES = 16 * 1024

const CODES: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
}

/**
 * The answer to what is no request that could be read: the same envelope, by hand, for there is nothing to reply to.
 * Nobody knows its language or its origin.
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
  socket.destroySoon() // not left half open for a peer that does not close
}

/**
 * Bounds of size and time on each phase of a request, so that slow or endless ones cost a connection and no more.
 *
 * @param keepAliveMs how long an idle connection stays open. A proxy in front must close its own first, or it sends a
 *   request into a connection that is just being closed.
 */
export const httpLimits = (keepAliveMs: number) =>
  ({
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
    },
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: keepAliveMs,
    connectionTimeout: Math.max(SILENT_MS, keepAliveMs + CHECK_EVERY_MS),
    clientErrorHandler: answerUnreadable,
  }) satisfies FastifyHttpOptions<Server>
