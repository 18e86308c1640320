import { measureWindow } from '../../src/domain/face/measures.ts'
import { createSafe } from '../../src/lib/sealing.ts'
import { encodeLearnt, NOTHING_LEARNT, readAndLearn } from '../../src/live/face/learnt.ts'
import { parseFrame } from '../../src/live/frames/landmarks-frame.ts'
import { analysisRepository } from '../../src/live/repository.ts'
import { byLocal, type MeasuredWindow } from '../../src/live/windows/answer.ts'
import { Outbox } from '../../src/live/windows/outbox.ts'
import { toAnswerRow, toWindowRow } from '../../src/live/windows/rows.ts'
import type { Counted } from './counted.ts'
import { NO_SPAN } from '../../src/lib/tracing.ts'
import { landmarksMessages } from './frames.ts'

const FRAMES_OF_A_WINDOW = 40

/** One real window in the form before storage. */
function recordedWindow(): MeasuredWindow {
  const frames = landmarksMessages(FRAMES_OF_A_WINDOW).map((message, i) => {
    const frame = parseFrame(message)
    if (typeof frame === 'string') throw new Error(`a recorded frame was refused: ${frame}`)
    return { at: i * 250, ...frame }
  })
  const measures = measureWindow(frames)
  if (measures === undefined) throw new Error('a recorded window was refused')
  const { reading: local, learnt } = readAndLearn(NOTHING_LEARNT, measures)
  return {
    number: 1,
    closedAt: Date.now(),
    framesReceived: 100,
    span: NO_SPAN,
    measures,
    local,
    localMs: 4,
    differences: null,
    learnt: encodeLearnt(learnt),
  }
}

const outboxOf = (counted: Counted) =>
  new Outbox({
    transaction: counted.transaction,
    repository: analysisRepository,
    isPassing: () => false,
    holds: () => true,
    onLost: () => undefined,
    onBehind: async () => undefined,
    onLocked: () => undefined,
    onWaiting: () => undefined,
    onStored: () => undefined,
    onRetry: () => undefined,
    onDrop: (reason, _sessionId, error) => {
      throw new Error(`a window was not stored: ${reason}`, { cause: error })
    },
    maxWindowsPerSession: 60,
    maxBytes: 64 * 1024 * 1024,
  })

type Sessions = {
  readonly ids: readonly string[]
  /** Those whose windows are also written each in its own transaction, as when windows close one at a time. */
  readonly few: readonly string[]
  readonly fence: { readonly owner: string; readonly epoch: number }
}

/** The cost of the writes of windows: stored, marked as delivered, answered by a model, and in batches. */
export async function measureWindowWrites(counted: Counted, { ids, few, fence }: Sessions) {
  const outbox = outboxOf(counted)
  const recorded = recordedWindow()
  const safe = createSafe(null, '1')
  const store = (sessionId: string, number: number, isFinal: boolean) => {
    const window = { ...recorded, number }
    const row = toWindowRow(
      { sessionId, ...fence, safe },
      window,
      byLocal(window, { modelOutcome: null }),
      isFinal,
    )
    return outbox.write({ kind: 'window', write: { ...fence, row, learnt: window.learnt } })
  }
  const answer = (sessionId: string, number: number) => {
    const row = toAnswerRow(
      { sessionId, ...fence, safe },
      byLocal({ ...recorded, number }, { modelOutcome: 'answered' }),
    )
    const whole = () => {
      throw new Error('a window has vanished')
    }
    return outbox.write({ kind: 'answer', write: { ...fence, row }, whole })
  }
  const mark = (sessionId: string, window: number) =>
    outbox.write({ kind: 'delivered', write: { sessionId, window, ...fence } })
  const oneByOne = (work: (id: string) => Promise<unknown>) =>
    counted.cost(few.length, async () => {
      for (const id of few) await work(id)
    })

  await Promise.all(ids.map((id) => store(id, 1, true))) // the first use of each page is written as a whole
  const stored = await oneByOne((id) => store(id, 2, true))
  const delivered = await oneByOne((id) => mark(id, 2))
  await Promise.all(few.map((id) => store(id, 3, false)))
  const answered = await oneByOne((id) => answer(id, 3))
  const batched = await counted.cost(ids.length, async () => {
    await Promise.all(ids.map((id) => store(id, 4, true)))
    await Promise.all(ids.map((id) => mark(id, 4)))
  })
  return { stored, delivered, answered, batched }
}
