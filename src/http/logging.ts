import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { logError } from '../lib/redact.ts'

const WELL_FORMED = /^[\w.:-]{1,128}$/

/** The caller's request id when it is well formed, else a new one. */
export function requestId(request: IncomingMessage): string {
  const sent = request.headers['x-request-id']
  return typeof sent === 'string' && WELL_FORMED.test(sent) ? sent : randomUUID()
}

export const LOG_SERIALIZERS = { err: logError }
