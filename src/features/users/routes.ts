import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { PreferencesBody, PreferencesResponse } from './schemas.ts'
import type { PreferencesService } from './service.ts'

const tags = ['user']
const response = responses({ 200: PreferencesResponse })

export const preferencesRoutes: FastifyPluginAsyncTypebox<{ service: PreferencesService }> = async (
  app,
  { service },
) => {
  app.get(
    '/preferences',
    {
      schema: {
        tags,
        summary: 'What the person has set; a guest gets the defaults',
        security: [{ bearer: [] }, {}],
        response,
      },
      onRequest: async (request) => {
        // Whoever shows a token wants their own: a bad one is refused rather than taken for a guest.
        if (request.headers.authorization !== undefined) await app.authentication.require(request)
      },
    },
    async ({ principal: bearer }) =>
      succeed(bearer === null ? service.defaults() : await service.find(bearer.userId)),
  )

  app.put(
    '/preferences',
    {
      schema: {
        tags,
        summary: 'Set some; the others stay as they are',
        security: [{ bearer: [] }],
        body: PreferencesBody,
        response,
      },
      onRequest: app.authentication.require,
    },
    async (request) => succeed(await service.merge(principal(request).userId, request.body.preferences)),
  )
}
