import type { Finding } from '../../../src/protocol/rest/health.ts'
import { SERVER } from '../base.ts'
import { tabStorage } from '../storage.ts'
import { parseMetrics, type Sample } from './prometheus.ts'

const DEADLINE_MS = 8000
const KEY = 'maeum.metrics'

type Check = { readonly ok: boolean; readonly details: readonly string[] }
export type Readiness = Readonly<Record<'process' | 'database' | 'schema' | 'model', Check>>
export type ServerState =
  | {
      readonly kind: 'ok'
      readonly samples: readonly Sample[]
      readonly checks: Readiness
      /** Only with the operator's token. */
      readonly findings: readonly Finding[]
    }
  | { readonly kind: 'denied' }

export const storeToken = (token: string): void => tabStorage.set(KEY, token)
export const hasToken = (): boolean => tabStorage.get(KEY) !== null

/** Fetches metrics and readiness. */
export async function fetchServerState(): Promise<ServerState> {
  const token = tabStorage.get(KEY)
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const headers: HeadersInit = token === null ? {} : { authorization: `Bearer ${token}` }
  const [metrics, ready] = await Promise.all([
    fetch(`${SERVER}/metrics`, { headers, signal }),
    fetch(`${SERVER}/api/health/ready?verbose`, { headers, signal }),
  ])
  if (metrics.status === 401 || metrics.status === 403) return { kind: 'denied' }
  if (!metrics.ok) throw new Error(`/metrics: ${metrics.status}`)
  type Report = { readonly checks: Readiness; readonly findings?: readonly Finding[] }
  const { checks, findings = [] } = (await ready.json()) as Report // 200 or 503, by its schema
  return { kind: 'ok', samples: parseMetrics(await metrics.text()), checks, findings }
}
