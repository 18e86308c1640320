import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { SealedIds } from '../../lib/sealed-id.ts'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import type { CounselingRow } from './repository.ts'
import {
  ChangeCounselingBody,
  CounselingParams,
  CounselingResponse,
  CounselingsQuery,
  CounselingsResponse,
  CreateCounselingBody,
  SurveyBody,
} from '../../protocol/rest/counselings.ts'
import type { CounselingService } from './service.ts'

type Options = { readonly service: CounselingService; readonly ids: SealedIds }

const common = { tags: ['counseling'], security: [{ bearer: [] }] }
const one = { ...common, params: CounselingParams, response: responses({ 200: CounselingResponse }) }

export const counselingRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { service, ids }) => {
  app.addHook('onRequest', app.authentication.require)

  const toView = (row: CounselingRow) => ({
    ...row,
    id: ids.seal(row.id),
    scheduledAt: row.scheduledAt?.toISOString() ?? null,
    createdAt: row.createdAt.getTime(),
    updatedAt: row.updatedAt.getTime(),
  })

  app.post(
    '/',
    {
      schema: {
        ...common,
        summary: 'Book an appointment',
        body: CreateCounselingBody,
        response: responses({ 201: CounselingResponse }),
      },
    },
    async (request, reply) => {
      const row = await service.create(requirePrincipal(request).userId, request.body)
      return reply.code(201).send(succeed(toView(row)))
    },
  )

  app.get(
    '/',
    {
      schema: {
        ...common,
        summary: "The user's appointments, newest first, in pages",
        querystring: CounselingsQuery,
        response: responses({ 200: CounselingsResponse }),
      },
    },
    async (request) => {
      const { page, nextCursor } = await service.list(requirePrincipal(request).userId, request.query)
      return succeed({ counselings: page.map(toView), nextCursor })
    },
  )

  app.get('/:id', { schema: { ...one, summary: 'One appointment' } }, async (request) =>
    succeed(toView(await service.get(requirePrincipal(request).userId, request.params.id))),
  )

  app.patch(
    '/:id',
    {
      schema: {
        ...one,
        summary: 'Confirm, complete, cancel or reschedule an appointment',
        body: ChangeCounselingBody,
      },
    },
    async (request) =>
      succeed(
        toView(await service.change(requirePrincipal(request).userId, request.params.id, request.body)),
      ),
  )

  app.post(
    '/:id/survey',
    { schema: { ...one, summary: 'Answer the survey of an appointment', body: SurveyBody } },
    async (request) => {
      const { params, body } = request
      return succeed(
        toView(await service.answerSurvey(requirePrincipal(request).userId, params.id, body.responses)),
      )
    },
  )
}
