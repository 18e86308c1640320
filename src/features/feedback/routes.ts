import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import type { Database } from '../../db/client.ts'
import { AppError } from '../../errors.ts'
import type { SealedIds } from '../../lib/sealed-id.ts'
import type { Safe } from '../../lib/sealing.ts'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { feedbackRepository as repository } from './repository.ts'
import { FeedbackBody, FeedbackParams, FeedbackResponse } from './schemas.ts'

type Options = {
  readonly database: Pick<Database, 'orm'>
  readonly ids: SealedIds
  /** Seals what the person has written. */
  readonly safeOf: (userId: number) => Promise<Safe>
}

const common = {
  security: [{ bearer: [] }],
  body: FeedbackBody,
  response: responses({ 201: FeedbackResponse }),
}

/** A rating that is missing or is none has a code of its own; other faults are told field by field. */
const formatFindings = (findings: FastifySchemaValidationError[]): Error => {
  const isRating = ({ instancePath, params }: FastifySchemaValidationError) =>
    instancePath === '/rating' || [params['requiredProperties']].flat().includes('rating')
  return findings.some(isRating) ? new AppError('INVALID_RATING') : new Error('the body is not valid')
}

export const feedbackRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { database, ids, safeOf }) => {
  app.addHook('onRequest', app.authentication.require)
  app.setSchemaErrorFormatter(formatFindings)

  const store = async (
    userId: number,
    sessionId: string | null,
    body: { rating: number; note?: string; category?: string },
  ) => {
    const { rating, category = null } = body
    const note = body.note === undefined ? null : (await safeOf(userId)).seal(body.note, 'feedbacks.note')
    const stored = await repository.insert(database.orm, { userId, sessionId, rating, note, category })
    // A token may outlive its account.
    if (stored === undefined) throw new AppError(sessionId === null ? 'UNAUTHORIZED' : 'SESSION_NOT_FOUND')
    return succeed({
      feedbackId: ids.seal(stored.id),
      sessionId,
      rating,
      submittedAt: stored.submittedAt,
    })
  }

  app.post(
    '/feedback',
    {
      schema: {
        ...common,
        tags: ['feedback'],
        summary: 'Say how it is going, about no session in particular',
      },
    },
    async (request, reply) =>
      reply.code(201).send(await store(principal(request).userId, null, request.body)),
  )

  app.post(
    '/session/:id/feedback',
    {
      schema: {
        ...common,
        tags: ['session'],
        params: FeedbackParams,
        summary: 'Say how a session was, at any time',
      },
    },
    async (request, reply) =>
      reply.code(201).send(await store(principal(request).userId, request.params.id, request.body)),
  )
}
