import { Value } from 'typebox/value'
import { MAX_WINDOW } from '../../domain/session.ts'
import { frameNumberOf } from '../../lib/binary-header.ts'
import type { Feed } from '../feed.ts'
import type { Connection } from './connection.ts'
import { fieldsOf } from './fields.ts'
import { BOUNDS, isLong, type Message, parseMessage } from './messages.ts'
import { CalibrateRequest } from '../../protocol/channels/client.ts'

/** One landmarks socket. */
export type Peer = {
  readonly connection: Connection
  /** Replaced when the session was reclaimed. */
  feed: Feed
  /** The newest socket of a session that sends frames feeds it. */
  readonly isFeeding: () => boolean
  /** Another socket has fed the session until now. */
  readonly takesOver: () => boolean
  /** A frame arrived on this socket. */
  readonly noteFrame: () => void
  /** Another instance serves the session: claims it again once that instance has released it. */
  readonly reclaim: () => void
  /** Handles `resume` of a reconnected client of the newer protocol. */
  readonly resume: (has: { readonly window: number; readonly frame: number }) => void
  readonly calibrate: (durationMs: number) => void
}

/** For the developer of the client: each number is valid, their order is not. */
const FOREIGN_MESH = {
  ko: '얼굴 메시의 두 홍채가 서로 바뀌어 있습니다. MediaPipe Face Mesh의 순서대로 점을 보내 주세요.',
  en: 'The irises of this face mesh are swapped. Send the points in the order of MediaPipe Face Mesh.',
}

/** Longer messages that begin like a landmarks frame may be dropped unread; all others within the bounds are parsed. */
const ALWAYS_PARSED_BYTES = 4096
const ENDS_BYTES = 96
const OPENING = Buffer.from('{"type":"landmarks"')
const OPENING_SPACED = /^\s*\{\s*"type"\s*:\s*"landmarks"\s*,/

const beginsLikeFrame = (bytes: Buffer): boolean =>
  bytes.subarray(0, OPENING.length).equals(OPENING) || OPENING_SPACED.test(bytes.toString('latin1', 0, 64))

/** One message on a landmarks socket. Hot path: an unused frame is neither parsed nor logged. */
export function receiveLandmarks(peer: Peer, bytes: Buffer): void {
  if (bytes.length > ALWAYS_PARSED_BYTES && beginsLikeFrame(bytes)) receiveFrame(peer, bytes)
  else receiveMessage(peer, bytes)
}

/** A binary message: a frame of the newer protocol, handled like a text frame. */
export function receiveBinary(peer: Peer, bytes: Buffer): void {
  const { connection, feed } = peer
  if (!connection.isV2) {
    connection.rejectMessage(bytes.length, 'INVALID_MESSAGE')
    return
  }
  if (!peer.isFeeding()) return
  const number = frameNumberOf(bytes)
  if ((number !== undefined && !feed.isNew(number)) || !isWanted(peer)) return
  if (peer.takesOver()) feed.takeOver(bytes)
  judge(peer, bytes, feed.pushBinary(bytes))
}

function receiveFrame(peer: Peer, bytes: Buffer, parsed?: unknown): void {
  const { connection, feed } = peer
  if (!peer.isFeeding() || (connection.isV2 && isRepeated(feed, bytes))) return
  if (!isWanted(peer)) return
  if (peer.takesOver()) feed.takeOver(bytes, parsed)
  judge(peer, bytes, feed.push(bytes, parsed))
}

/** Whether the frame is within the rate, and its session is still served here. */
function isWanted({ connection, feed, reclaim }: Peer): boolean {
  if (!connection.admitsFrame()) feed.skip()
  else if (feed.isLost()) reclaim()
  else return true
  return false
}

/** An invalid frame does not make its socket the feeding one. */
function judge({ connection, noteFrame }: Peer, bytes: Buffer, fate: string): void {
  if (fate === 'invalid_message') connection.rejectMessage(bytes.length, 'INVALID_MESSAGE')
  else if (fate === 'invalid_frame') connection.rejectMessage(bytes.length, 'INVALID_FRAME')
  else if (fate === 'foreign_mesh') connection.rejectMessage(bytes.length, 'INVALID_FRAME', FOREIGN_MESH)
  else {
    noteFrame()
    if (fate === 'consent_required') connection.reportError('CONSENT_REQUIRED')
  }
}

function receiveMessage(peer: Peer, bytes: Buffer): void {
  const { connection } = peer
  if (!connection.admitsMessage(bytes.length)) return
  const { message, parts = 0 } = parseMessage(bytes, BOUNDS.landmarks) ?? {}
  if (message?.type === 'landmarks') receiveFrame(peer, bytes, message)
  else if (message === undefined || isLong(parts) || !carryOut(peer, message))
    connection.rejectMessage(bytes.length, 'INVALID_MESSAGE')
}

/** False for an unknown message. */
function carryOut(peer: Peer, message: Message): boolean {
  const { connection } = peer
  if (message.type === 'ping') connection.pong()
  else if (message.type === 'resume' && connection.isV2) peer.resume(positionOf(message))
  else return message.type === 'calibrate' && connection.isV2 && calibrates(peer, message)
  return true
}

function calibrates(peer: Peer, message: Message): boolean {
  const request: unknown = Value.Default(CalibrateRequest, { ...fieldsOf(message) })
  const isValid = Value.Check(CalibrateRequest, request)
  if (isValid) peer.calibrate(request.durationMs)
  return isValid
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

/** Where a client stands; what is no such number counts as 0, and what no row can hold as the last. */
function positionOf(message: Message): { window: number; frame: number } {
  const { window, frame } = fieldsOf(message)
  const count = (value: unknown) => (Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 0)
  return { window: Math.min(count(window), MAX_WINDOW), frame: count(frame) }
}
