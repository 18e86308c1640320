import type { Connection } from './connection.ts'

/** Where landmark frames go. */
export type Feed = {
  push(bytes: Buffer, parsed?: unknown): string
  skip(): void
}

type Peer = {
  readonly connection: Connection
  readonly feed: Feed
  /** Only the newest socket of a session feeds it. */
  readonly isFeeding: () => boolean
}

/** Anything longer that begins like a landmarks frame may go unread; everything else is parsed. */
const ALWAYS_PARSED_BYTES = 4096
const OPENING = Buffer.from('{"type":"landmarks"')
const OPENING_SPACED = /^\s*\{\s*"type"\s*:\s*"landmarks"\s*,/

const beginsLikeFrame = (bytes: Buffer): boolean =>
  bytes.subarray(0, OPENING.length).equals(OPENING) || OPENING_SPACED.test(bytes.toString('latin1', 0, 64))

/** One message on a landmarks socket. Hot path: a frame that will not be used is neither parsed nor logged. */
export function receiveLandmarks(peer: Peer, bytes: Buffer): void {
  if (bytes.length > ALWAYS_PARSED_BYTES && beginsLikeFrame(bytes)) receiveFrame(peer, bytes)
  else receiveMessage(peer, bytes)
}

function receiveFrame({ connection, feed, isFeeding }: Peer, bytes: Buffer, parsed?: unknown): void {
  if (!isFeeding()) return
  if (!connection.admits('frame')) {
    feed.skip()
    return
  }
  const fate = feed.push(bytes, parsed)
  if (fate === 'invalid_message') connection.complain('INVALID_MESSAGE')
  else if (fate === 'invalid_frame') connection.complain('INVALID_FRAME')
}

function receiveMessage(peer: Peer, bytes: Buffer): void {
  const { connection } = peer
  if (!connection.admits('message')) return
  const message = parseMessage(bytes)
  if (message?.type === 'ping') connection.pong()
  else if (message?.type === 'landmarks') receiveFrame(peer, bytes, message)
  else connection.complain('INVALID_MESSAGE')
}

/** A JSON object with a `type`, or undefined. */
export function parseMessage(
  bytes: Buffer,
): { readonly type: string; readonly [key: string]: unknown } | undefined {
  try {
    const message: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof message !== 'object' || message === null || !('type' in message)) return undefined
    return typeof message.type === 'string' ? { ...message, type: message.type } : undefined
  } catch {
    return undefined // not JSON: the caller complains
  }
}
