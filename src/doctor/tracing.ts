import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Config } from '../config/config.ts'
import type { Check, Result } from './checks.ts'
import type { Report } from './report.ts'

type Collector = NonNullable<Config['tracing']>
type Subject = { readonly config: Config; readonly report: Report }

const COLLECTOR_DEADLINE_MS = 5000
const REFUSES_KEY: readonly number[] = [401, 403]
const NOT_HERE: readonly number[] = [404, 405]

/** The collector of traces. */
export const tracingChecks = (subject: Subject): Check[] => [
  {
    name: 'tracing.collector',
    deadlineMs: COLLECTOR_DEADLINE_MS + 1000,
    run: () => checkCollector(subject),
  },
]

/** Sends no spans, in a request as the server makes it. */
async function checkCollector({ config, report }: Subject): Promise<Result> {
  const { tracing } = config
  if (tracing === null) return report.ok('tracing.off')
  const { origin: address, pathname: path } = new URL(tracing.endpoint)
  const answer = await send(tracing)
  if (answer === 'late')
    return report.fail('tracing.silent', { address, seconds: COLLECTOR_DEADLINE_MS / 1000 })
  if (typeof answer === 'string') return report.fail('tracing.away', { address, code: answer })
  if (REFUSES_KEY.includes(answer)) return report.fail('tracing.key', { address, status: answer })
  if (NOT_HERE.includes(answer)) return report.fail('tracing.path', { address, path, status: answer })
  return answer < 300
    ? report.ok('tracing.ok', { address })
    : report.warn('tracing.refused', { address, status: answer })
}

/** `name=value`, comma-separated, with percent encoding. */
function headersOf({ variables }: Collector): Record<string, string> {
  const text = variables['OTEL_EXPORTER_OTLP_TRACES_HEADERS'] ?? variables['OTEL_EXPORTER_OTLP_HEADERS'] ?? ''
  return Object.fromEntries(
    text.split(',').flatMap((pair) => {
      const [name = '', ...value] = pair.split('=')
      return name.trim() === '' ? [] : [[name.trim(), decodeURIComponent(value.join('=').trim())]]
    }),
  )
}

/** The status of the answer, or the code of an error, or late. */
function send(collector: Collector): Promise<number | string> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(COLLECTOR_DEADLINE_MS)
    const isJson = collector.encoding === 'http/json'
    const type = isJson ? 'application/json' : 'application/x-protobuf'
    const request = collector.endpoint.startsWith('https:') ? requestHttps : requestHttp
    const fail = (error: Error) =>
      resolve(signal.aborted ? 'late' : 'code' in error ? String(error.code) : error.name)
    const headers = { ...headersOf(collector), 'content-type': type }
    const sent = request(
      collector.endpoint,
      { method: 'POST', agent: false, signal, headers },
      (response) => {
        response.resume()
        response.on('error', fail)
        resolve(response.statusCode ?? 0)
      },
    )
    sent.on('error', fail)
    sent.end(isJson ? '{}' : '')
  })
}
