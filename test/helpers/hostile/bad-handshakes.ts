import { handshake, RawPeer } from './raw-peer.ts'

/** A handshake that must not succeed, and the answers that are right; 0 is an end without a word. */
export type BadHandshake = {
  readonly name: string
  readonly request: (url: URL) => string
  readonly expected: readonly number[]
}

const broken = (headers: Readonly<Record<string, string | null>>) => (url: URL) => handshake(url, headers)

export const BAD_HANDSHAKES: readonly BadHandshake[] = [
  { name: 'another version', request: broken({ 'Sec-WebSocket-Version': '12' }), expected: [400, 426] },
  { name: 'no version', request: broken({ 'Sec-WebSocket-Version': null }), expected: [400, 426] },
  { name: 'no key', request: broken({ 'Sec-WebSocket-Key': null }), expected: [400] },
  { name: 'a key that is none', request: broken({ 'Sec-WebSocket-Key': 'short' }), expected: [400] },
  { name: 'another upgrade', request: broken({ Upgrade: 'h2c' }), expected: [400, 426] },
  { name: 'no upgrade', request: broken({ Upgrade: null, Connection: 'close' }), expected: [426] },
  {
    name: 'an origin that is not allowed',
    request: broken({ Origin: 'https://evil.example' }),
    expected: [403],
  },
  { name: 'an origin that is none', request: broken({ Origin: 'null' }), expected: [403] },
  {
    name: 'a subprotocol that cannot be one',
    request: broken({ 'Sec-WebSocket-Protocol': 'a b,,' }),
    expected: [400],
  },
  {
    name: 'another method',
    request: (url) => handshake(url).replace('GET', 'POST'),
    expected: [404, 405, 400],
  },
  { name: 'headers without end', request: broken({ 'X-Long': 'x'.repeat(20_000) }), expected: [431] },
  {
    name: 'two lengths',
    request: broken({ 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }),
    expected: [400],
  },
  { name: 'a header folded', request: broken({ 'X-A': 'b\r\n c: d' }), expected: [400] },
  {
    name: 'a channel that is none',
    request: (url) => handshake(new URL('/ws/dance/x', url)),
    expected: [404],
  },
  {
    name: 'TRACE',
    request: ({ host }) => `TRACE / HTTP/1.1\r\nHost: ${host}\r\nX-A: b\r\n\r\n`,
    expected: [404, 405],
  },
  { name: 'HTTP/2 without asking', request: () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', expected: [400] },
  { name: 'TLS', request: () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', expected: [400] },
]

/** The status of the answer to a handshake, 0 when there was none. */
export async function shake({ request }: BadHandshake, address: string): Promise<number> {
  const url = new URL(address)
  const peer = new RawPeer(url)
  peer.write(request(url))
  await peer.until(() => peer.status > 0)
  peer.destroy()
  return peer.status
}
