import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import type { Config } from '../../config/config.ts'
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
      /** Registers a report on writes: read queries do not detect a full disk. */
      readonly describeWrites: (describe: () => WriteReport) => void
    }
  }
}

type Options = { config: Config; version: string }

/** Liveness uses no dependency; readiness checks each of them. */
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
        schema: { ...common, summary: 'Liveness of the process', response: { 200: Liveness } },
      },
      liveness,
    )
  }

  let describeWrites = (): WriteReport => ({ faults: [], remarks: [] })
  app.decorate('health', {
    describeWrites: (describe: () => WriteReport) => {
      describeWrites = describe
    },
  })
  const readiness = createReadiness({
    schemaFaults: app.schemaFaults,
    serverFindings: app.serverFindings,
    writes: () => describeWrites(),
    isClosing: app.isShuttingDown,
    models: app.models.describe,
  })
  app.get(
    '/api/health/ready',
    {
      config: { rateLimit: false },
      schema: {
        ...common,
        summary: 'Readiness to serve requests',
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (_request, reply) => {
      const report = await readiness()
      return reply.code(report.status === 'ready' ? 200 : 503).send(report)
    },
  )
}

export const health = fp(routes, {
  name: 'health',
  dependencies: ['database', 'draining', 'error-handler', 'models'],
})
