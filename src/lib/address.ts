/** `[2001:db8::7]`, with or without a port. */
const BRACKETED = /^\[([^\]]+)\](?::\d+)?$/
/** An IPv4 address with a port. A bare IPv6 address has more colons. */
const WITH_PORT = /^([^:]+):\d+$/

/**
 * One entry of `X-Forwarded-For` as a plain address. Gateways write it with a port, which differs with each connection,
 * in brackets, or in quotes as in `Forwarded` (RFC 7239). What is not an address comes back as it was.
 */
export function bareAddress(entry: string): string {
  const text = entry.trim().replace(/^"(.*)"$/, '$1')
  return BRACKETED.exec(text)?.[1] ?? WITH_PORT.exec(text)?.[1] ?? text
}
