import type { FastifyRequest } from 'fastify'

const MONITORED = /^\/(metrics$|health$|api\/health(\/|$))/

/** Whether the request is for health, readiness or metrics, which are always answered. */
export const isMonitoring = ({ routeOptions: { url } }: FastifyRequest): boolean =>
  url !== undefined && MONITORED.test(url)
