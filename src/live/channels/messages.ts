import { REFINED_POINTS } from '../../domain/face/points.ts'
import type { Channel } from '../../domain/session.ts'
import { countParts, countStructures } from '../../lib/json-parts.ts'
import { MAX_MESSAGE_BYTES } from '../../protocol/channels/transport.ts'

/** A JSON object with a `type`. */
export type Message = { readonly type: string; readonly [key: string]: unknown }

/** What a message may measure before it is parsed. */
type Bounds = {
  readonly bytes: number
  readonly parts: number
  /** Of the parts, keys, objects and lists. */
  readonly structures: number
}

/** Fields of a message and of its `data`, with as many again that are not known here. */
const FIELD_PARTS = 64
const FIELD_STRUCTURES = FIELD_PARTS / 2
/** A point of a face: x, y, z and at most two more fields. */
const POINT_PARTS = 11
const POINT_STRUCTURES = 6
const SAMPLES_PER_SECOND = 16_000
const KIB = 1024

/**
 * Above anything that a channel understands. A text is counted in characters and may come with all of them escaped, at
 * twelve bytes each: 2,000 on the session channel, 5,000 on the voice channel. There, a second of sound is 43 KB of
 * base64, or a list of numbers.
 */
export const BOUNDS: Readonly<Record<Channel, Bounds>> = {
  session: { bytes: 32 * KIB, parts: FIELD_PARTS, structures: FIELD_STRUCTURES },
  voice: { bytes: 128 * KIB, parts: SAMPLES_PER_SECOND + FIELD_PARTS, structures: FIELD_STRUCTURES },
  landmarks: {
    bytes: MAX_MESSAGE_BYTES,
    parts: REFINED_POINTS * POINT_PARTS + FIELD_PARTS,
    structures: REFINED_POINTS * POINT_STRUCTURES + FIELD_STRUCTURES,
  },
}

/** Whether so many parts can only be those of a long list: of points, or of samples. */
export const isLong = (parts: number): boolean => parts > FIELD_PARTS

/** The message and its parts; undefined when it is beyond the bounds, and then unread, or is none. */
export function parseMessage(
  bytes: Buffer,
  bounds: Bounds,
): { readonly message: Message; readonly parts: number } | undefined {
  if (bytes.length > bounds.bytes) return undefined
  const parts = countParts(bytes, bounds.parts)
  if (parts > bounds.parts) return undefined
  if (isLong(parts) && countStructures(bytes, bounds.structures) > bounds.structures) return undefined
  try {
    const message: unknown = JSON.parse(bytes.toString('utf8'))
    return isMessage(message) ? { message, parts } : undefined
  } catch {
    return undefined // not JSON: the caller complains
  }
}

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
