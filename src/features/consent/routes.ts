import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import type { ConsentRow } from './repository.ts'
import {
  ConsentBody,
  ConsentResponse,
  ConsentsResponse,
  toReceiptView,
  WithdrawBody,
  WithdrawQuery,
} from './schemas.ts'
import type { Consents } from './service.ts'

type Options = { readonly consents: Consents; readonly required: boolean }

const common = { tags: ['user'], security: [{ bearer: [] }] }

export const consentRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { consents, required }) => {
  app.addHook('onRequest', app.authentication.require)
  const listed = (rows: readonly ConsentRow[]) => succeed({ required, consents: rows.map(toReceiptView) })

  app.get(
    '/consent',
    {
      schema: {
        ...common,
        summary: 'What the person has agreed to and taken back',
        response: responses({ 200: ConsentsResponse }),
      },
    },
    async (request) => listed(await consents.list(principal(request).userId)),
  )

  app.post(
    '/consent',
    {
      schema: {
        ...common,
        summary: 'Agree to something; repeats its receipt while it stands',
        body: ConsentBody,
        response: responses({ 201: ConsentResponse }),
      },
    },
    async (request, reply) =>
      reply
        .code(201)
        .send(succeed(toReceiptView(await consents.give(principal(request).userId, request.body)))),
  )

  app.delete(
    '/consent',
    {
      schema: {
        ...common,
        summary:
          'Take consent back: to the reading, live sessions end at once; to a kept neutral face, it is erased',
        body: WithdrawBody,
        querystring: WithdrawQuery,
        response: responses({ 200: ConsentsResponse }),
      },
      // Most clients send no body with DELETE.
      preValidation: async (request) => {
        request.body ??= null
      },
    },
    async (request) => {
      const purpose = request.body?.purpose ?? request.query.purpose ?? null
      return listed(await consents.withdraw(principal(request).userId, purpose))
    },
  )
}
