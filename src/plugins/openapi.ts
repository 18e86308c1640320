import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { addExamples, type OpenApi } from '../http/openapi-examples.ts'

/** Groups of routes, in the order of use. */
const TAGS = [
  {
    name: 'auth',
    description: 'Accounts, devices and tokens. Refresh tokens rotate; several tabs may refresh at once.',
  },
  {
    name: 'session',
    description: 'Sessions with summary, report and files. Only the owner has access.',
  },
  { name: 'dashboard', description: 'The day of a user, and the change since yesterday.' },
  { name: 'user', description: 'Preferences and the account itself.' },
  { name: 'counseling', description: 'Appointments with a counsellor, and their survey.' },
  { name: 'feedback', description: 'Feedback without a session.' },
  { name: 'conversation', description: 'Emotion of a text, and speech to text.' },
  { name: 'telemetry', description: 'Reports from browsers about their pages; no login.' },
  {
    name: 'health',
    description: 'Liveness, which uses no dependency, and readiness, which checks all of them.',
  },
]

/** OpenAPI 3.1, generated from the validation schemas. */
export const openapi = fp(
  async (app, { version }: { version: string }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'maeum',
          version,
          description:
            'Real-time emotion sessions from face landmarks. Results are apparent expressions, estimated by a machine, and not a diagnosis. The WebSockets of a session: [/docs/ws](/docs/ws).',
          license: { name: 'MIT', identifier: 'MIT' },
        },
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
        tags: TAGS,
      },
      // The root route of a prefix is called without the slash.
      transform: ({ schema, url }) => ({ schema, url: url.length > 1 ? url.replace(/\/$/, '') : url }),
      transformObject: (made) => {
        if (!('openapiObject' in made)) return made.swaggerObject
        addExamples(made.openapiObject as OpenApi) // the type allows references, but the generator creates none
        return made.openapiObject
      },
    })
    await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
  },
  { name: 'openapi' },
)
