import type { FastifyError } from 'fastify'
import fp from 'fastify-plugin'
import { answerError } from '../http/error-answers.ts'
import { AppError } from '../protocol/errors.ts'

/** Converts errors and unknown routes to responses in the failure envelope. */
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
