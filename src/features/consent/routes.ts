import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import type { ConsentRow } from './repository.ts'
import {
  ConsentBody,
  ConsentResponse,
  ConsentsResponse,
  WithdrawBody,
  WithdrawQuery,
} from '../../protocol/rest/consent.ts'
import type { Consents } from './service.ts'

type Options = { readonly consents: Consents; readonly required: boolean }

const toReceiptView = ({ purpose, textVersion, locale, createdAt, withdrawnAt }: ConsentRow) => ({
  purpose,
  textVersion,
  locale,
  givenAt: createdAt.getTime(),
  withdrawnAt: withdrawnAt?.getTime() ?? null,
})

const common = { tags: ['user'], security: [{ bearer: [] }] }

export const consentRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { consents, required }) => {
  app.addHook('onRequest', app.authentication.require)
  const listed = (rows: readonly ConsentRow[]) => succeed({ required, consents: rows.map(toReceiptView) })

  app.get(
    '/consent',
    {
      schema: {
        ...common,
        summary: 'Given and withdrawn consents of the user',
        response: responses({ 200: ConsentsResponse }),
      },
    },
    async (request) => listed(await consents.list(requirePrincipal(request).userId)),
  )

  app.post(
    '/consent',
    {
      schema: {
        ...common,
        summary: 'Give consent; returns the same receipt while it is valid',
        body: ConsentBody,
        response: responses({ 201: ConsentResponse }),
      },
    },
    async (request, reply) =>
      reply
        .code(201)
        .send(succeed(toReceiptView(await consents.give(requirePrincipal(request).userId, request.body)))),
  )

  app.delete(
    '/consent',
    {
      schema: {
        ...common,
        summary:
          'Withdraw consent: to the analysis, which ends live sessions, or to the stored neutral face, which is deleted',
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
      return listed(await consents.withdraw(requirePrincipal(request).userId, purpose))
    },
  )
}
