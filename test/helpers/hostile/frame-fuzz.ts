import { decodeFrame } from '../../../src/live/frames/binary-frame.ts'
import { type FrameReader, parseFrame, FRAME_FLOATS } from '../../../src/live/frames/landmarks-frame.ts'
import { frameNumberOf } from '../../../src/lib/binary-header.ts'
import { mutatedBinary, mutatedText } from './frame-mutations.ts'
import { binaryOracle, differenceFrom, type Oracle, textOracle } from './frame-oracle.ts'
import { createRandom, type Random } from './random.ts'

/** What became of the frames of one attack. Whatever is not as it should be stands in `faults`, as far as there is room. */
export type FrameLedger = {
  attempts: number
  refused: number
  /** Frames, whatever was done to them: they say what they are taken for. */
  accepted: number
  acceptedWrongly: number
  refusedWrongly: number
  threw: number
  readonly faults: string[]
}

type Form = {
  readonly name: 'text' | 'binary'
  readonly make: (random: Random) => Buffer
  readonly read: FrameReader
  readonly oracle: Oracle
}

const MAX_LISTED_FAULTS = 20
const SHOWN_BYTES = 120

const FORMS: readonly [Form, Form] = [
  { name: 'text', make: mutatedText, read: parseFrame, oracle: textOracle },
  { name: 'binary', make: mutatedBinary, read: decodeFrame, oracle: binaryOracle },
]

export const emptyLedger = (): FrameLedger => ({
  attempts: 0,
  refused: 0,
  accepted: 0,
  acceptedWrongly: 0,
  refusedWrongly: 0,
  threw: 0,
  faults: [],
})

/** Reads `count` mutated frames, text and binary in turns, and holds each answer against the oracle's. */
export function fuzzDecoders(count: number, seed: number, ledger = emptyLedger()): FrameLedger {
  const random = createRandom(seed)
  const room = new Float32Array(FRAME_FLOATS)
  for (let i = 0; i < count; i++) {
    const form = FORMS[i % 2 === 0 ? 0 : 1]
    const bytes = form.make(random)
    const fault = judge(form, bytes, room, ledger)
    if (fault === undefined || ledger.faults.length >= MAX_LISTED_FAULTS) continue
    const shown = form.name === 'text' ? bytes.toString('latin1') : bytes.toString('hex')
    ledger.faults.push(`${form.name} ${i} of seed ${seed}: ${fault}: ${shown.slice(0, SHOWN_BYTES)}`)
  }
  return ledger
}

function judge({ read, oracle }: Form, bytes: Buffer, room: Float32Array, ledger: FrameLedger) {
  ledger.attempts++
  const frame = oracle(bytes)
  let kept: ReturnType<FrameReader>
  try {
    frameNumberOf(bytes)
    kept = read(bytes, room)
  } catch (error) {
    ledger.threw++
    return `threw ${String(error)}`
  }
  if (typeof kept === 'string') {
    ledger.refused++
    if (frame === undefined) return undefined
    ledger.refusedWrongly++
    return `refused as ${kept}`
  }
  ledger.accepted++
  const difference = frame === undefined ? 'accepted' : differenceFrom(frame, kept)
  if (difference !== undefined) ledger.acceptedWrongly++
  return difference
}
