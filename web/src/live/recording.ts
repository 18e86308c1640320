import { type Emotion, parseEmotion } from '../../../src/domain/emotion.ts'
import { BASE } from '../base.ts'
import { type Face, type FaceSource, type SourceState, WAITING } from './source.ts'

type Segment = { readonly label: Emotion; readonly faces: Float32Array[] }
type Line = { readonly label: string; readonly data: readonly { x: number; y: number; z: number }[] }

const PATH = `${BASE}/recording/avatar.jsonl.gz`
const FRAME_MS = 100
const SIZE = { width: 640, height: 480 }
const DEADLINE_MS = 60_000

/** The session's clock: which window is open, and how far it is. */
export type Clock = () => { readonly window: number; readonly share: number }

/** As a recording knows and a camera does not. */
export type Recording = FaceSource & {
  /** The expression that is played in a window. */
  readonly labelOf: (window: number) => Emotion | undefined
  /** Follows the session from now on; before that it is at rest. */
  readonly follow: (clock: Clock) => void
}

/**
 * The recorded synthetic head (geometry from ICT-FaceKit, MIT), one expression slowed to the length of each window, all
 * of them in turn.
 */
export function openRecording(): Recording {
  let segments: readonly Segment[] = []
  let clock: Clock = () => ({ window: 0, share: 0 })
  let onFace: (face: Face) => void = () => undefined
  let onState: (state: SourceState) => void = () => undefined
  let state = WAITING
  let timer: ReturnType<typeof setInterval> | undefined
  const gone = new AbortController()

  const change = (next: SourceState) => {
    state = next
    if (!gone.signal.aborted) onState(state)
  }
  const segmentOf = (window: number) =>
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
    labelOf: (window) => segmentOf(window)?.label,
    follow: (next) => {
      clock = next
    },
    async start() {
      try {
        change(WAITING)
        segments = await readSegments(gone.signal)
        change({ camera: 'ready', model: 'ready', fault: null })
      } catch {
        change({ camera: 'failed', model: 'waiting', fault: 'recordingFailed' })
        return
      }
      if (gone.signal.aborted) return
      clearInterval(timer)
      timer = setInterval(() => {
        const { window, share } = clock()
        const points = faceAt(segmentOf(window) ?? segments[0], share)
        onFace({ points, ...SIZE, ageMs: 0 })
      }, FRAME_MS)
    },
    close() {
      gone.abort()
      clearInterval(timer)
    },
  }
}

/** The stretches of the recording that show something. */
async function readSegments(signal: AbortSignal): Promise<Segment[]> {
  const late = AbortSignal.timeout(DEADLINE_MS)
  const given = new AbortController() // either of the two; `AbortSignal.any` is younger than some telephones
  for (const one of [signal, late]) one.addEventListener('abort', () => given.abort(one.reason))
  const answer = await fetch(PATH, { signal: given.signal })
  if (!answer.ok || answer.body === null) throw new Error(`the recording: ${answer.status}`)
  const text = await new Response(answer.body.pipeThrough(new DecompressionStream('gzip'))).text()
  const [, ...lines] = text.trim().split('\n')
  const segments: Segment[] = []
  let before = ''
  for (const line of lines) {
    const { label, data } = JSON.parse(line) as Line // our own file
    const emotion = parseEmotion(label)
    const isNew = label !== before
    before = label
    if (emotion === undefined || emotion === 'neutral') continue
    const face = Float32Array.from(data.flatMap(({ x, y, z }) => [x, y, z]))
    if (isNew) segments.push({ label: emotion, faces: [face] })
    else segments.at(-1)?.faces.push(face)
    // Twenty megabytes of text: the page stays awake meanwhile.
    if (isNew) await new Promise((resolve) => setTimeout(resolve))
  }
  return segments
}

/** Between two frames of the recording. */
function faceAt(segment: Segment | undefined, share: number): Float32Array | null {
  if (segment === undefined) return null
  const { faces } = segment
  const position = Math.min(Math.max(share, 0), 1) * (faces.length - 1)
  const before = faces[Math.floor(position)]
  const after = faces[Math.ceil(position)] ?? before
  if (before === undefined || after === undefined) return null
  const weight = position - Math.floor(position)
  return before.map((value, i) => value + ((after[i] ?? value) - value) * weight)
}
