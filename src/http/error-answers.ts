import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { databaseFault } from '../db/faults.ts'
import { logUrl } from '../lib/redact.ts'
import { SealError } from '../lib/sealing.ts'
import {
  AppError,
  type ErrorCode,
  errorMessage,
  errorStatus,
  type FieldFault,
  type Language,
} from '../protocol/errors.ts'
import { toFieldFaults, describeFieldFault } from './field-faults.ts'
import { languageOf } from './language.ts'

/** Fastify's own refusals, in our words. */
const FRAMEWORK_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'INVALID_JSON',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'INVALID_JSON',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_BAD_URL: 'BAD_REQUEST',
  FST_ERR_MAX_PARAM_LENGTH: 'NOT_FOUND',
  FST_ERR_HANDLER_TIMEOUT: 'SERVER_BUSY',
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'BODY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'RATE_LIMITED',
  503: 'SERVER_BUSY',
}

const DATABASE_RETRY_SECONDS = 2

/** The code of a database error that passes; undefined for every other one. */
export function databaseErrorCode(error: unknown): ErrorCode | undefined {
  switch (databaseFault(error)?.kind) {
    case 'not_ready':
      return 'DATABASE_NOT_READY'
    case 'unavailable':
      return 'DATABASE_UNAVAILABLE'
    default:
      return undefined
  }
}

/** The one place where a thrown thing becomes an answer. */
function toAppError(error: FastifyError | AppError, language: Language): AppError {
  if (error instanceof AppError) return error
  if (error.validation !== undefined) {
    return new AppError('VALIDATION_ERROR', {
      details: toFieldFaults(error.validation, language),
      cause: error,
    })
  }
  if (error instanceof SealError) return new AppError('DATA_UNREADABLE', { cause: error })
  const unavailable = databaseErrorCode(error)
  if (unavailable !== undefined)
    return new AppError(unavailable, { retryAfter: DATABASE_RETRY_SECONDS, cause: error })
  if (databaseFault(error)?.kind === 'unstorable_text')
    return new AppError('VALIDATION_ERROR', { cause: error })
  const known = FRAMEWORK_CODES[error.code] ?? byStatus(error)
  return new AppError(known ?? 'INTERNAL_ERROR', {
    cause: error,
    ...(known === 'SERVER_BUSY' ? { retryAfter: DATABASE_RETRY_SECONDS } : {}),
  })
}

const byStatus = (error: FastifyError): ErrorCode | undefined =>
  error.statusCode === undefined || error.statusCode === 500
    ? undefined
    : (BY_STATUS[error.statusCode] ?? (error.statusCode < 500 ? 'BAD_REQUEST' : undefined))

/** The web client shows the message alone: it names the first field that is at fault. */
function firstFault(code: ErrorCode, details: unknown, language: Language): string | undefined {
  const [first] = code === 'VALIDATION_ERROR' && Array.isArray(details) ? (details as FieldFault[]) : [] // only these are lists
  return first === undefined ? undefined : describeFieldFault(first, language)
}

/** The failure envelope of every REST answer. */
const envelope = ({ code, details }: AppError, requestId: string, language: Language) => ({
  success: false as const,
  error: {
    code,
    message: firstFault(code, details, language) ?? errorMessage(code, language),
    requestId,
    ...(details === undefined ? {} : { details }),
  },
})

/** An outage of the database has its own lines in the log. */
const isOfOutage = ({ code, cause }: AppError, { server }: FastifyRequest): boolean =>
  code === 'DATABASE_UNAVAILABLE' && server.hasDecorator('outages') && server.outages.explainsRefusal(cause)

export function answerError(thrown: FastifyError | AppError, request: FastifyRequest, reply: FastifyReply) {
  const language = languageOf(request)
  const error = toAppError(thrown, language)
  const status = errorStatus(error.code)
  if (status >= 500)
    request.log[isOfOutage(error, request) ? 'debug' : 'error'](
      { err: error.cause ?? error, code: error.code },
      'request failed',
    )
  // Metrics are registered after this, and what comes before them is refused all the same.
  if (request.server.hasDecorator('metrics')) request.server.metrics.errors.labels(error.code).inc()
  if (error.retryAfter !== undefined) void reply.header('retry-after', error.retryAfter)
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send(envelope(error, request.id, language))
}

/** An address that cannot be read is refused before any hook runs: what they do for every answer is done here. */
export function answerUnroutable(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { method, server, url } = request
  const { origin } = request.headers
  void reply.headers({
    'x-request-id': request.id,
    'cache-control': 'no-store',
    vary: 'Origin',
    'x-content-type-options': 'nosniff',
  })
  if (origin !== undefined && server.admitsOrigin(request))
    void reply.headers({ 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' })
  request.log.info({ method, url: logUrl(url), status: error.statusCode }, 'request completed')
  void answerError(error, request, reply)
}
