import { type Emotion, parseEmotion } from '../../../src/domain/emotion.ts'
import { BASE } from '../base.ts'
import { type Face, type FaceSource, type SourceState, WAITING } from './source.ts'

type Segment = { readonly label: Emotion; readonly faces: Float32Array[] }
type Line = { readonly label: string; readonly data: readonly { x: number; y: number; z: number }[] }

const PATH = `${BASE}/recording/avatar.jsonl.gz`
const FRAME_MS = 100
const SIZE = { width: 640, height: 480 }
const DEADLINE_MS = 60_000

/** The session's clock: the open window and the elapsed share of it. */
export type Clock = () => { readonly window: number; readonly share: number }

/** A source of recorded faces with known expressions. */
export type Recording = FaceSource & {
  /** The expression played in a window. */
  readonly getLabel: (window: number) => Emotion | undefined
  /** Follows the session's clock from now on; until then the first face is shown. */
  readonly follow: (clock: Clock) => void
}

/**
 * Plays the recorded synthetic head (geometry from ICT-FaceKit, MIT): each window shows one expression, stretched to the
 * length of the window.
 */
export function openRecording(): Recording {
  let segments: readonly Segment[] = []
  let clock: Clock = () => ({ window: 0, share: 0 })
  let onFace: (face: Face) => void = () => undefined
  let onState: (state: SourceState) => void = () => undefined
  let state = WAITING
  let timer: ReturnType<typeof setInterval> | undefined
  const closing = new AbortController()

  const change = (next: SourceState) => {
    state = next
    if (!closing.signal.aborted) onState(state)
  }
  const getSegment = (window: number) =>
    window < 1 ? undefined : segments[(window - 1) % Math.max(1, segments.length)]

  return {
    kind: 'recording',
    preview: null,
    onFace: (listener) => {
      onFace = listener
    },
    onState: (listener) => {
      onState = listener
      listener(state)
    },
    getLabel: (window) => getSegment(window)?.label,
    follow: (next) => {
      clock = next
    },
    async start() {
      try {
        change(WAITING)
        segments = await readSegments(closing.signal)
        change({ camera: 'ready', model: 'ready', fault: null })
      } catch {
        change({ camera: 'failed', model: 'waiting', fault: 'recordingFailed' })
        return
      }
      if (closing.signal.aborted) return
      clearInterval(timer)
      timer = setInterval(() => {
        const { window, share } = clock()
        const points = interpolateFace(getSegment(window) ?? segments[0], share)
        onFace({ points, ...SIZE, ageMs: 0 })
      }, FRAME_MS)
    },
    close() {
      closing.abort()
      clearInterval(timer)
    },
  }
}

/** Loads the non-neutral segments of the recording. */
async function readSegments(signal: AbortSignal): Promise<Segment[]> {
  const timeout = AbortSignal.timeout(DEADLINE_MS)
  const either = new AbortController() // older mobile browsers lack `AbortSignal.any`
  for (const one of [signal, timeout]) one.addEventListener('abort', () => either.abort(one.reason))
  const answer = await fetch(PATH, { signal: either.signal })
  if (!answer.ok || answer.body === null) throw new Error(`recording: status ${answer.status}`)
  const text = await new Response(answer.body.pipeThrough(new DecompressionStream('gzip'))).text()
  const [, ...lines] = text.trim().split('\n')
  const segments: Segment[] = []
  let before = ''
  for (const line of lines) {
    const { label, data } = JSON.parse(line) as Line // a file of this project
    const emotion = parseEmotion(label)
    const isNew = label !== before
    before = label
    if (emotion === undefined || emotion === 'neutral') continue
    const face = Float32Array.from(data.flatMap(({ x, y, z }) => [x, y, z]))
    if (isNew) segments.push({ label: emotion, faces: [face] })
    else segments.at(-1)?.faces.push(face)
    // Twenty megabytes of text: yield to the event loop.
    if (isNew) await new Promise((resolve) => setTimeout(resolve))
  }
  return segments
}

/** Interpolates between two frames of the recording. */
function interpolateFace(segment: Segment | undefined, share: number): Float32Array | null {
  if (segment === undefined) return null
  const { faces } = segment
  const position = Math.min(Math.max(share, 0), 1) * (faces.length - 1)
  const before = faces[Math.floor(position)]
  const after = faces[Math.ceil(position)] ?? before
  if (before === undefined || after === undefined) return null
  const weight = position - Math.floor(position)
  return before.map((value, i) => value + ((after[i] ?? value) - value) * weight)
}
