import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { logUrl } from '../../lib/redact.ts'
import { parseAsJson } from '../../http/bodies.ts'
import { responses } from '../../protocol/envelope.ts'
import { AcceptedResponse, AlertBody, VitalBody } from '../../protocol/rest/telemetry.ts'

/** These routes need no token, so size and rate are limited. A page load sends about six vitals. */
const MAX_BODY_BYTES = 8 * 1024
const vitalsLimit = { max: 120, timeWindow: '1 minute' }
const alertLimit = { max: 20, timeWindow: '1 minute' }

/** Caps outliers, which would dominate the sum. */
const MAX_SECONDS = 600

/** Session ids and tokens are at least this long; words are not. */
const SECRET = /[\w.~+-]{25,}/g
const redact = (text: string) => text.replace(SECRET, (run) => `${run.slice(0, 12)}…`)

const common = { tags: ['telemetry'], security: [], response: responses({ 200: AcceptedResponse }) }
const accepted = { success: true as const }

export const telemetryRoutes: FastifyPluginAsyncTypebox = async (app) => {
  // `navigator.sendBeacon` sends this type. Other routes refuse it, because a forged form can send it too.
  parseAsJson(app, 'text/plain')

  app.post(
    '/vitals',
    {
      schema: { ...common, summary: 'Report a web vital of a page', body: VitalBody },
      bodyLimit: MAX_BODY_BYTES,
      config: { rateLimit: vitalsLimit },
    },
    async ({ body }) => {
      const vital = 'metric' in body ? body.metric : body.name
      const amount = vital === 'CLS' ? body.value : body.value / 1000
      app.metrics.webVitals.labels(vital).observe(Math.min(amount, MAX_SECONDS))
      return accepted
    },
  )

  app.post(
    '/alert',
    {
      schema: { ...common, summary: 'Report an error on a page', body: AlertBody },
      bodyLimit: MAX_BODY_BYTES,
      config: { rateLimit: alertLimit },
    },
    async (request) => {
      const { message, timestamp, url } = request.body
      request.log.warn(
        { alert: redact(message), at: timestamp, page: logUrl(url) },
        'a page reports an error',
      )
      return accepted
    },
  )
}
