import { get } from 'node:http'
import { isIP } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Config } from '../config/config.ts'
import { isLoopback } from '../lib/address.ts'
import type { Check, Result } from './checks.ts'
import type { Report } from './report.ts'

const SERVER_DEADLINE_MS = 5000
const WILDCARD_HOSTS: readonly string[] = ['::', '0.0.0.0']

type Subject = { readonly config: Config; readonly report: Report }

/** Addresses and proxies, and the server that runs on this machine. */
export const webChecks = (subject: Subject): Check[] => [
  { name: 'web.cors', run: () => checkCors(subject) },
  { name: 'web.public-url', run: () => checkPublicUrl(subject) },
  { name: 'web.proxy', run: () => checkProxy(subject) },
  {
    name: 'web.server',
    deadlineMs: SERVER_DEADLINE_MS + 1000,
    run: () => checkServer(subject),
  },
]

/** Whether the host of a URL or an origin is this machine. */
function isLocal(origin: string): boolean {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(\[[^\]]*\]|[^:/]*)/.exec(origin)?.[1]?.replace(/^\[|\]$/g, '') ?? ''
  return host === 'localhost' || host.endsWith('.localhost') || (isIP(host) !== 0 && isLoopback(host))
}

const isSecure = (url: string) => url.startsWith('https:')

function checkCors({ config, report }: Subject): Result {
  const { corsOrigins } = config.limits
  const { publicUrl } = config.server
  const origins = corsOrigins.join(', ')
  const blocked = corsOrigins.find(isSecure)
  if (publicUrl !== null && !isSecure(publicUrl) && !isLocal(publicUrl) && blocked !== undefined)
    return report.fail('cors.mixed', { origin: blocked })
  return config.production && corsOrigins.every((origin) => /^https?:/.test(origin) && isLocal(origin))
    ? report.warn('cors.local', { origins })
    : report.ok('cors.ok', { origins })
}

function checkPublicUrl({ config, report }: Subject): Result {
  const url = config.server.publicUrl
  if (url === null) return config.production ? report.warn('url.missing') : report.ok('url.unset')
  return config.production && !isSecure(url) && !isLocal(url)
    ? report.warn('url.plain')
    : report.ok('url.ok', { url })
}

/** The server itself has no TLS, so an https address means a proxy. */
function checkProxy({ config, report }: Subject): Result {
  const { trustProxy, publicUrl } = config.server
  if (trustProxy !== false) return report.ok('proxy.ok')
  return publicUrl !== null && isSecure(publicUrl) ? report.warn('proxy.untrusted') : report.ok('proxy.none')
}

/** Asks the server at PORT for its readiness, if one is listening there. */
async function checkServer({ config, report }: Subject): Promise<Result> {
  const { host, port, basePath } = config.server
  const shownHost = WILDCARD_HOSTS.includes(host) ? '127.0.0.1' : isIP(host) === 6 ? `[${host}]` : host
  const address = `http://${shownHost}:${port}${basePath}/api/health/ready`
  if (port === 0) return report.skipped('server.anyPort')
  const answer = await request(address)
  if (answer === 'none') return report.ok('server.none', { address })
  if (answer === 'late') return report.fail('server.silent', { address, seconds: SERVER_DEADLINE_MS / 1000 })
  const { status } = answer
  const details = detailsIn(answer.body)
  if (details === undefined) return report.warn('server.other', { address, status })
  return status === 200
    ? report.ok('server.ready', { address })
    : report.fail('server.notReady', { address, details: details.join('; ') })
}

type Answer = { readonly status: number; readonly body: unknown }

/** The answer, or none if nothing listens there. Not `fetch`, which refuses some ports. */
function request(address: string): Promise<Answer | 'none' | 'late'> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(SERVER_DEADLINE_MS)
    const options = { agent: false, signal }
    const sent = get(address, options, (response) => {
      text(response).then((found) => resolve({ status: response.statusCode ?? 0, body: parse(found) }), fail)
    })
    const fail = (error: unknown) => {
      if (signal.aborted) resolve('late')
      else if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') resolve('none')
      else reject(error instanceof Error ? error : new Error(String(error)))
    }
    sent.on('error', fail)
  })
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined // another program
  }
}

/** The details of the failed checks in an answer of `/api/health/ready`; undefined for another answer. */
function detailsIn(body: unknown): string[] | undefined {
  if (typeof body !== 'object' || body === null || !('checks' in body)) return undefined
  const { checks } = body
  if (typeof checks !== 'object' || checks === null) return undefined
  return Object.entries(checks as Record<string, { ok?: unknown; details?: unknown }>).flatMap(
    ([name, part]) =>
      part.ok === false ? [`${name}: ${Array.isArray(part.details) ? part.details.join(', ') : ''}`] : [],
  )
}
