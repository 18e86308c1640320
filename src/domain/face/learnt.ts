import { type Baseline, decodeBaseline, encodeBaseline } from './baseline.ts'

/** A neutral face from an earlier session or from a calibration. */
type GivenBaseline = {
  /** The first window that is analysed with it. */
  readonly from: number
  readonly baseline: Baseline
}

/**
 * The state that a session has learnt about the face. It is stored with every window, so that another instance can
 * continue the session, and so that the session can be analysed again later.
 */
export type Learnt = {
  /** Width / height of the camera image, inferred from earlier windows. */
  readonly aspect: number | undefined
  readonly baseline: Baseline | undefined
  /** The baselines that learning started from, in order. */
  readonly given: readonly GivenBaseline[]
}

export const NOTHING_LEARNT: Learnt = { aspect: undefined, baseline: undefined, given: [] }

/*
 * Little-endian: version (1 byte), number of given baselines (1), aspect (float64, NaN when unknown), length (2) and bytes
 * of the baseline (0: none), then for each given one its window (4), length (2) and bytes.
 */
const VERSION = 1
const HEADER = 12

/** Encodes the state for storage. */
export function encodeLearnt({ aspect = Number.NaN, baseline, given }: Learnt): Uint8Array {
  const current = baseline === undefined ? new Uint8Array() : encodeBaseline(baseline)
  const encoded = given.map(({ from, baseline: one }) => ({ from, bytes: encodeBaseline(one) }))
  const length = encoded.reduce((sum, { bytes }) => sum + 6 + bytes.length, HEADER + current.length)
  const all = new Uint8Array(length)
  const view = new DataView(all.buffer)
  view.setUint8(0, VERSION)
  view.setUint8(1, encoded.length)
  view.setFloat64(2, aspect, true)
  view.setUint16(10, current.length, true)
  all.set(current, HEADER)
  let at = HEADER + current.length
  for (const { from, bytes } of encoded) {
    view.setUint32(at, from, true)
    view.setUint16(at + 4, bytes.length, true)
    all.set(bytes, at + 6)
    at += 6 + bytes.length
  }
  return all
}

/** Decodes the bytes of `encodeLearnt`; invalid bytes and other versions give the empty state. */
export function decodeLearnt(bytes: Uint8Array | null): Learnt {
  if (bytes === null || bytes.length < HEADER || bytes[0] !== VERSION) return NOTHING_LEARNT
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const aspect = view.getFloat64(2, true)
  const baseline = decodeBaseline(bytes.subarray(HEADER, HEADER + view.getUint16(10, true)))
  const given: GivenBaseline[] = []
  let at = HEADER + view.getUint16(10, true)
  for (let left = bytes[1] ?? 0; left > 0; left--) {
    if (at + 6 > bytes.length) return NOTHING_LEARNT
    const end = at + 6 + view.getUint16(at + 4, true)
    const one = decodeBaseline(bytes.subarray(at + 6, end))
    if (one !== undefined) given.push({ from: view.getUint32(at, true), baseline: one })
    at = end
  }
  if (at !== bytes.length) return NOTHING_LEARNT
  return { aspect: aspect > 0 && Number.isFinite(aspect) ? aspect : undefined, baseline, given }
}
