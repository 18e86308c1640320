import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { addExamples, type OpenApi } from './openapi-examples.ts'

/** What the routes are grouped by, in the order in which a client meets them. */
const TAGS = [
  {
    name: 'auth',
    description: 'Accounts, devices and tokens. Refresh tokens rotate; several tabs may refresh at once.',
  },
  {
    name: 'session',
    description: 'Life of a session, its summary, its report and its files. Only its owner sees it.',
  },
  { name: 'dashboard', description: 'The day of a person, and the change since yesterday.' },
  { name: 'user', description: 'Preferences and the account itself.' },
  { name: 'counseling', description: 'Appointments with a counsellor, and their survey.' },
  { name: 'feedback', description: 'Feedback that is about no session in particular.' },
  { name: 'conversation', description: 'Emotion of a text, and speech to text.' },
  { name: 'telemetry', description: 'What browsers report of their own pages; needs no login.' },
  { name: 'health', description: 'Liveness, which touches nothing, and readiness, which proves everything.' },
]

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
            'Real-time emotion sessions from face landmarks. What is read is apparent expression, estimated by a machine; it is no diagnosis. The WebSockets of a session: [/docs/ws](/docs/ws).',
          license: { name: 'MIT', identifier: 'MIT' },
        },
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
        tags: TAGS,
      },
      // A room whose own address is its prefix is called without the slash.
      transform: ({ schema, url }) => ({ schema, url: url.length > 1 ? url.replace(/\/$/, '') : url }),
      transformObject: (made) => {
        if (!('openapiObject' in made)) return made.swaggerObject
        addExamples(made.openapiObject as OpenApi) // its type has references in it, of which it makes none
        return made.openapiObject
      },
    })
    await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
  },
  { name: 'openapi' },
)
