import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { databaseFault } from '../db/faults.ts'
import {
  AppError,
  type ErrorCode,
  errorMessage,
  errorStatus,
  type FieldFault,
  preferredLanguage,
} from '../errors.ts'

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

/** The one place where a thrown thing becomes an answer. */
function toAppError(error: FastifyError | AppError): AppError {
  if (error instanceof AppError) return error
  if ('validation' in error && error.validation !== undefined) {
    return new AppError('VALIDATION_ERROR', { details: fieldFaults(error.validation), cause: error })
  }
  switch (databaseFault(error)?.kind) {
    case 'not_ready':
      return new AppError('DATABASE_NOT_READY', { retryAfter: DATABASE_RETRY_SECONDS, cause: error })
    case 'unavailable':
      return new AppError('DATABASE_UNAVAILABLE', { retryAfter: DATABASE_RETRY_SECONDS, cause: error })
    case 'unstorable_text':
      return new AppError('VALIDATION_ERROR', { cause: error })
    default:
  }
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

function fieldFaults(validation: NonNullable<FastifyError['validation']>): FieldFault[] {
  return validation.flatMap(({ instancePath, params, message }): FieldFault[] => {
    const path = instancePath.split('/').filter((part) => part !== '')
    const missing = params['requiredProperties']
    const names = Array.isArray(missing) ? missing.map(String) : []
    const text = message ?? 'is not valid'
    if (names.length === 0) return [{ field: path.join('.'), message: text }]
    return names.map((name) => ({ field: [...path, name].join('.'), message: 'is required' }))
  })
}

/** The failure envelope of every REST answer. */
function envelope(error: AppError, request: FastifyRequest) {
  const message = errorMessage(error.code, preferredLanguage(request.headers['accept-language']))
  return {
    success: false as const,
    error: {
      code: error.code,
      message,
      requestId: request.id,
      ...(error.details === undefined ? {} : { details: error.details }),
    },
  }
}

export function answerError(thrown: FastifyError | AppError, request: FastifyRequest, reply: FastifyReply) {
  const error = toAppError(thrown)
  const status = errorStatus(error.code)
  if (status >= 500) request.log.error({ err: error.cause ?? error, code: error.code }, 'request failed')
  if (error.retryAfter !== undefined) void reply.header('retry-after', error.retryAfter)
  return reply.code(status).type('application/json; charset=utf-8').send(envelope(error, request))
}

export const errorHandler = fp(
  (app, _options, done) => {
    app.setErrorHandler<FastifyError>(answerError)
    app.setNotFoundHandler((request, reply) =>
      answerError(
        new AppError('NOT_FOUND', { details: { path: request.url.split('?')[0] } }),
        request,
        reply,
      ),
    )
    done()
  },
  { name: 'error-handler' },
)
