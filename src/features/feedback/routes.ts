import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import type { Database } from '../../db/client.ts'
import { SEALED } from '../../db/sealed-columns.ts'
import { AppError } from '../../protocol/errors.ts'
import type { SealedIds } from '../../lib/sealed-id.ts'
import type { Safe } from '../../lib/sealing.ts'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import { feedbackRepository as repository } from './repository.ts'
import { FeedbackBody, FeedbackParams, FeedbackResponse } from '../../protocol/rest/feedback.ts'

type Options = {
  readonly database: Pick<Database, 'orm'>
  readonly ids: SealedIds
  /** Encrypts the note. */
  readonly safeOf: (userId: number) => Promise<Safe>
}

const NOTE = SEALED.feedbacks.note.at()

const common = {
  security: [{ bearer: [] }],
  body: FeedbackBody,
  response: responses({ 201: FeedbackResponse }),
}

/** A missing or invalid rating has its own error code; other faults are reported by field. */
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
    const note = body.note === undefined ? null : (await safeOf(userId)).seal(body.note, NOTE)
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
        summary: 'Give feedback without a session',
      },
    },
    async (request, reply) =>
      reply.code(201).send(await store(requirePrincipal(request).userId, null, request.body)),
  )

  app.post(
    '/session/:id/feedback',
    {
      schema: {
        ...common,
        tags: ['session'],
        params: FeedbackParams,
        summary: 'Give feedback on a session, at any time',
      },
    },
    async (request, reply) =>
      reply.code(201).send(await store(requirePrincipal(request).userId, request.params.id, request.body)),
  )
}
