import { Value } from 'typebox/value'
import { frameNumberOf } from '../../lib/binary-header.ts'
import type { Connection } from './connection.ts'
import { fieldsOf } from './fields.ts'
import { CalibrateRequest } from './schemas/client.ts'

/** Where landmark frames go. */
export type Feed = {
  push(bytes: Buffer, parsed?: unknown): string
  pushBinary(bytes: Buffer): string
  isNew(frame: number): boolean
  isLost(): boolean
  skip(): void
}

type Peer = {
  readonly connection: Connection
  readonly feed: Feed
  /** Only the newest socket of a session feeds it. */
  readonly isFeeding: () => boolean
  /** Another instance serves the session: takes it back once that one has let go of it. */
  readonly reclaim: () => void
  /** Carries out what a client of the newer protocol asks for on coming back. */
  readonly resume: (has: { readonly window: number; readonly frame: number }) => void
  readonly calibrate: (durationMs: number) => void
}

/** Anything longer that begins like a landmarks frame may go unread; everything else is parsed. */
const ALWAYS_PARSED_BYTES = 4096
const ENDS_BYTES = 96
const OPENING = Buffer.from('{"type":"landmarks"')
const OPENING_SPACED = /^\s*\{\s*"type"\s*:\s*"landmarks"\s*,/

const beginsLikeFrame = (bytes: Buffer): boolean =>
  bytes.subarray(0, OPENING.length).equals(OPENING) || OPENING_SPACED.test(bytes.toString('latin1', 0, 64))

/** One message on a landmarks socket. Hot path: a frame that will not be used is neither parsed nor logged. */
export function receiveLandmarks(peer: Peer, bytes: Buffer): void {
  if (bytes.length > ALWAYS_PARSED_BYTES && beginsLikeFrame(bytes)) receiveFrame(peer, bytes)
  else receiveMessage(peer, bytes)
}

/** A binary message, which is a frame or nothing. Of the newer protocol only; the same way as a frame of text. */
export function receiveBinary(peer: Peer, bytes: Buffer): void {
  const { connection, feed } = peer
  if (!connection.isV2) {
    refuse(connection, bytes, 'INVALID_MESSAGE')
    return
  }
  if (!peer.isFeeding()) return
  const number = frameNumberOf(bytes)
  if ((number === undefined || feed.isNew(number)) && isWanted(peer))
    judge(connection, bytes, feed.pushBinary(bytes))
}

function receiveFrame(peer: Peer, bytes: Buffer, parsed?: unknown): void {
  const { connection, feed } = peer
  if (!peer.isFeeding() || (connection.isV2 && isRepeated(feed, bytes))) return
  if (isWanted(peer)) judge(connection, bytes, feed.push(bytes, parsed))
}

/** Whether the frame is within the rate, and of a session that is still ours. */
function isWanted({ connection, feed, reclaim }: Peer): boolean {
  if (!connection.admits('frame')) feed.skip()
  else if (feed.isLost()) reclaim()
  else return true
  return false
}

function judge(connection: Connection, bytes: Buffer, fate: string): void {
  if (fate === 'invalid_message') refuse(connection, bytes, 'INVALID_MESSAGE')
  else if (fate === 'invalid_frame') refuse(connection, bytes, 'INVALID_FRAME')
  else if (fate === 'consent_required') connection.complain('CONSENT_REQUIRED')
}

function refuse(connection: Connection, bytes: Buffer, code: 'INVALID_MESSAGE' | 'INVALID_FRAME'): void {
  connection.complain(code)
  connection.wasted(bytes.length)
}

function receiveMessage(peer: Peer, bytes: Buffer): void {
  const { connection } = peer
  if (!connection.admits('message')) return
  const message = parseMessage(bytes)
  if (message?.type === 'ping') connection.pong()
  else if (message?.type === 'landmarks') receiveFrame(peer, bytes, message)
  else if (message?.type === 'resume' && connection.isV2) peer.resume(positionOf(message))
  else if (message?.type === 'calibrate' && connection.isV2) receiveCalibrate(peer, message)
  else refuse(connection, bytes, 'INVALID_MESSAGE')
}

function receiveCalibrate(peer: Peer, message: Readonly<Record<string, unknown>>): void {
  const request: unknown = Value.Default(CalibrateRequest, { ...fieldsOf(message) })
  if (Value.Check(CalibrateRequest, request)) peer.calibrate(request.durationMs)
  else peer.connection.complain('INVALID_MESSAGE')
}

/** The frame's number stands before or after its points, so it is found without reading them. */
const NUMBER = /"frame"\s*:\s*(\d{1,15})\s*[,}]/

/** Whether this numbered frame has been here before: a client sends again what it is not sure of. */
function isRepeated(feed: Feed, bytes: Buffer): boolean {
  const ends =
    bytes.toString('latin1', 0, ENDS_BYTES) +
    bytes.toString('latin1', Math.max(ENDS_BYTES, bytes.length - ENDS_BYTES))
  const number = NUMBER.exec(ends)?.[1]
  return number !== undefined && !feed.isNew(Number(number))
}

/** Fields are accepted in `data` and at top level. */
function positionOf(message: { readonly [key: string]: unknown }): { window: number; frame: number } {
  const inner = typeof message['data'] === 'object' && message['data'] !== null ? message['data'] : {}
  const { window, frame } = { ...message, ...inner } as Record<string, unknown> // any object may be asked for any key
  const count = (value: unknown) => (Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 0)
  return { window: count(window), frame: count(frame) }
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
