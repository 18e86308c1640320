import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import type { Config } from '../../config.ts'
import { createReadiness, type WriteReport } from './readiness.ts'

const Liveness = Type.Object({
  status: Type.Literal('ok'),
  timestamp: Type.Integer({ description: 'Milliseconds since the epoch.' }),
  uptime: Type.Number({ description: 'Seconds since the process started.' }),
  version: Type.String(),
  commit: Type.String(),
})

const Check = Type.Object({ ok: Type.Boolean(), details: Type.Array(Type.String()) })

const Readiness = Type.Object({
  status: Type.Enum(['ready', 'not_ready']),
  checks: Type.Object({ process: Check, database: Check, schema: Check, model: Check }),
})

declare module 'fastify' {
  interface FastifyInstance {
    health: {
      /** Readiness says of the model what this tells, a line each; what it says never makes the server unready. */
      readonly describeModel: (describe: () => string[]) => void
      /** What there is to say of writes: what only reads does not notice a full disk. */
      readonly describeWrites: (describe: () => WriteReport) => void
    }
  }
}

type Options = { config: Config; version: string }

/** Liveness touches no dependency; readiness proves each of them. */
const routes: FastifyPluginAsyncTypebox<Options> = async (app, { config, version }) => {
  const liveness = () => ({
    status: 'ok' as const,
    timestamp: Date.now(),
    uptime: process.uptime(),
    version,
    commit: config.commit,
  })
  const common = { tags: ['health'], security: [] }
  for (const url of ['/api/health', '/health']) {
    app.get(
      url,
      {
        config: { rateLimit: false },
        schema: { ...common, summary: 'Is the process alive', response: { 200: Liveness } },
      },
      liveness,
    )
  }

  let describeModel = () => [config.analysis.gemini?.models.join(', ') ?? 'local']
  let describeWrites = (): WriteReport => ({ faults: [], remarks: [] })
  app.decorate('health', {
    describeModel: (describe: () => string[]) => {
      describeModel = describe
    },
    describeWrites: (describe: () => WriteReport) => {
      describeWrites = describe
    },
  })
  const readiness = createReadiness({
    schemaFaults: app.schemaFaults,
    serverFindings: app.serverFindings,
    writes: () => describeWrites(),
    isClosing: app.isShuttingDown,
    model: () => describeModel(),
  })
  app.get(
    '/api/health/ready',
    {
      config: { rateLimit: false },
      schema: {
        ...common,
        summary: 'Is everything there to serve',
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (_request, reply) => {
      const report = await readiness()
      return reply.code(report.status === 'ready' ? 200 : 503).send(report)
    },
  )
}

export const health = fp(routes, { name: 'health', dependencies: ['database', 'draining', 'error-handler'] })
