import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { logUrl } from '../../lib/redact.ts'
import { parseAsJson } from '../../plugins/bodies.ts'
import { responses } from '../../plugins/envelope.ts'
import { AcceptedResponse, AlertBody, VitalBody } from './schemas.ts'

/** Anybody may call: little at a time, and not often. A page load sends half a dozen vitals. */
const MAX_BODY_BYTES = 8 * 1024
const vitalsLimit = { max: 120, timeWindow: '1 minute' }
const alertLimit = { max: 20, timeWindow: '1 minute' }

/** A page that took longer tells nothing more, and would drown the others in the sum. */
const LONGEST_S = 600

/** Session ids and tokens are as long as this, and words are not. */
const LONG_RUN = /[\w.~+-]{25,}/g
const withoutSecrets = (text: string) => text.replace(LONG_RUN, (run) => `${run.slice(0, 12)}…`)

const common = { tags: ['telemetry'], security: [], response: responses({ 200: AcceptedResponse }) }
const accepted = { success: true as const }

export const telemetryRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // `navigator.sendBeacon` labels a text so. Elsewhere the type stays refused: it is what a forged form can send.
  parseAsJson(app, 'text/plain')

  app.post(
    '/vitals',
    {
      schema: { ...common, summary: 'How fast a page was', body: VitalBody },
      bodyLimit: MAX_BODY_BYTES,
      config: { rateLimit: vitalsLimit },
    },
    async ({ body }) => {
      const vital = 'metric' in body ? body.metric : body.name
      const amount = vital === 'CLS' ? body.value : body.value / 1000
      app.metrics.webVitals.labels(vital).observe(Math.min(amount, LONGEST_S))
      return accepted
    },
  )

  app.post(
    '/alert',
    {
      schema: { ...common, summary: 'What went wrong on a page', body: AlertBody },
      bodyLimit: MAX_BODY_BYTES,
      config: { rateLimit: alertLimit },
    },
    async (request) => {
      const { message, timestamp, url } = request.body
      request.log.warn(
        { alert: withoutSecrets(message), at: timestamp, page: logUrl(url) },
        'a page reports a fault',
      )
      return accepted
    },
  )
}
