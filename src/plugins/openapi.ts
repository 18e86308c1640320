import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'

/** OpenAPI 3.1, written from the schemas that validate. */
export const openapi = fp(
  async (app, { version }: { version: string }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'maeum',
          version,
          description:
            'Real-time emotion sessions from face landmarks. What is read is apparent expression, estimated by a machine; it is no diagnosis.',
          license: { name: 'MIT', identifier: 'MIT' },
        },
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
        tags: [
          { name: 'auth', description: 'Accounts and tokens' },
          { name: 'session', description: 'Life of a session' },
          { name: 'health', description: 'Liveness and readiness' },
        ],
      },
    })
    await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
  },
  { name: 'openapi' },
)
