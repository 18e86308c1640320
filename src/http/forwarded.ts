import type { FastifyRequest } from 'fastify'
import { bareAddress } from '../lib/address.ts'

/** Whether a proxy claims to speak for another client. Any client can claim that. */
export const isForwarded = ({ headers }: FastifyRequest): boolean =>
  headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined

/** Schemes that proxies report; a handshake arrives as `wss` from some of them. */
const SCHEMES: Readonly<Record<string, string>> = { http: 'http', https: 'https', ws: 'http', wss: 'https' }

/** Port, brackets or quotes: an address that has to be rewritten. */
const DECORATED = /["[]|\.\d+:\d/

/** The scheme in one element of `Forwarded`. */
const FORWARDED_PROTO = /(?:^|[;\s])proto="?([a-z]+)"?/i

const textOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(',') : header

/**
 * Each trusted proxy appends an entry of its own, so counted from the right the entry of the outermost one is as far in
 * as there are trusted proxies. Whatever stands further left was sent by the client.
 */
function entryOfOutermost(list: string, { ips = [] }: FastifyRequest): string {
  const entries = list.split(',')
  const hops = Math.max(1, ips.length - 1)
  return (entries[Math.max(0, entries.length - hops)] ?? '').trim()
}

/** The listed addresses without ports, brackets and quotes; undefined when there are none, or nothing to rewrite. */
export function addressesOf({ raw: { headers } }: FastifyRequest): string | undefined {
  const addresses = textOf(headers['x-forwarded-for'])
  if (addresses === undefined || !DECORATED.test(addresses)) return undefined
  return addresses.split(',').map(bareAddress).join(', ')
}

/** The scheme by which the client reached the outermost trusted proxy; undefined when no proxy reports one. */
export function schemeOf(request: FastifyRequest): string | undefined {
  const listed = textOf(request.headers['x-forwarded-proto'])
  if (listed !== undefined) return SCHEMES[entryOfOutermost(listed, request).toLowerCase()]
  const forwarded = textOf(request.headers.forwarded)
  if (forwarded === undefined) return undefined
  const proto = FORWARDED_PROTO.exec(entryOfOutermost(forwarded, request))?.[1]
  return SCHEMES[proto?.toLowerCase() ?? '']
}
