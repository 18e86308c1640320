import { isIPv4, isIPv6 } from 'node:net'

/** An IPv4-mapped IPv6 address, as a dual-stack socket reports it. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
/** `[2001:db8::7]`, with or without a port. */
const BRACKETED = /^\[([^\]]+)\](?::\d+)?$/
/** An IPv4 address with a port. A bare IPv6 address has more colons. */
const WITH_PORT = /^([^:]+):\d+$/

/**
 * One entry of `X-Forwarded-For` as a plain address. Gateways write it with a port, in brackets, or in quotes as in
 * `Forwarded` (RFC 7239). Other text is returned unchanged.
 */
export function bareAddress(entry: string): string {
  const text = entry.trim().replace(/^"(.*)"$/, '$1')
  return BRACKETED.exec(text)?.[1] ?? WITH_PORT.exec(text)?.[1] ?? text
}

/** An IPv4-mapped IPv6 address in IPv4 form; other text unchanged. */
export const toOwnForm = (address: string): string => MAPPED.exec(address)?.[1] ?? address

export function isLoopback(address: string): boolean {
  const plain = toOwnForm(address)
  return plain === '::1' || plain.startsWith('127.')
}

/** The network of an address (/24 or /48): enough to detect an attack, not to identify a person. */
export function toNetwork(address: string): string | null {
  const plain = toOwnForm(address)
  if (isIPv4(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`
  const [bare = ''] = address.split(/[%/]/)
  if (!isIPv6(bare)) return null
  const [head = ''] = bare.split('::')
  const groups = head === '' ? [] : head.split(':')
  return `${[0, 1, 2].map((i) => groups[i] ?? '0').join(':')}::/48`
}
