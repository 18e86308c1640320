import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { destination } from 'pino'
import { logError } from '../lib/redact.ts'

const WELL_FORMED = /^[\w.:-]{1,128}$/

/** The caller's request id when it is well formed, else a new one. */
export function requestId(request: IncomingMessage): string {
  const sent = request.headers['x-request-id']
  return typeof sent === 'string' && WELL_FORMED.test(sent) ? sent : randomUUID()
}

export const LOG_SERIALIZERS = { err: logError }

/**
 * Log lines are written in batches, because a write per line would cost as much as a request. The buffer is bounded; a
 * fatal line and the end of the process flush it.
 */
const DESTINATION = {
  fd: 1,
  sync: false,
  minLength: 4096,
  periodicFlush: 200,
  maxLength: 8 * 1024 * 1024,
}

/** Standard output, and the number of lines that were dropped because nothing reads it. */
export function openLogStream() {
  let dropped = 0
  const stream = destination(DESTINATION)
  stream.on('drop', () => dropped++)
  return { stream, countDropped: () => dropped }
}
