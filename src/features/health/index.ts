import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import type { Config } from '../../config/config.ts'
import { hasMetricsToken } from '../../http/monitoring.ts'
import { ReadinessQuery, ReadinessResponse } from '../../protocol/rest/health.ts'
import { toFindings } from './findings.ts'
import { createReadiness, toReport, type WriteReport } from './readiness.ts'

const Liveness = Type.Object({
  status: Type.Literal('ok'),
  timestamp: Type.Integer({ description: 'Milliseconds since the epoch.' }),
  uptime: Type.Number({ description: 'Seconds since the process started.' }),
  version: Type.String(),
  commit: Type.String(),
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
        querystring: ReadinessQuery,
        response: { 200: ReadinessResponse, 503: ReadinessResponse },
      },
    },
    async (request, reply) => {
      const parts = await readiness()
      const report = toReport(parts)
      const isDetailed = request.query.verbose !== undefined && hasMetricsToken(request, config)
      return reply
        .code(report.status === 'ready' ? 200 : 503)
        .send(isDetailed ? { ...report, findings: toFindings(parts, config) } : report)
    },
  )
}

export const health = fp(routes, {
  name: 'health',
  dependencies: ['database', 'draining', 'error-handler', 'models'],
})
