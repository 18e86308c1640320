import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import { PreferencesBody, PreferencesResponse } from '../../protocol/rest/preferences.ts'
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
        summary: "The user's preferences; without a token, the defaults",
        security: [{ bearer: [] }, {}],
        response,
      },
      onRequest: async (request) => {
        // A request with an invalid token is refused, not answered with the defaults.
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
        summary: 'Set some preferences; the others stay unchanged',
        security: [{ bearer: [] }],
        body: PreferencesBody,
        response,
      },
      onRequest: app.authentication.require,
    },
    async (request) =>
      succeed(await service.merge(requirePrincipal(request).userId, request.body.preferences)),
  )
}
