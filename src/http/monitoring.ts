import { timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'

export const MONITORED = /^\/(metrics$|health$|api\/health(\/|$))/

/** Whether the request is for health, readiness or metrics, which are always answered. */
export const isMonitoring = ({ routeOptions: { url } }: FastifyRequest): boolean =>
  url !== undefined && MONITORED.test(url)

/** Whether the bearer is METRICS_TOKEN; false if none is set. */
export function hasMetricsToken({ headers }: FastifyRequest, { metricsToken }: Config): boolean {
  if (metricsToken === null) return false
  const actual = Buffer.from(headers.authorization ?? '')
  const expected = Buffer.from(`Bearer ${metricsToken}`)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}
