import { type Abort, abortReason, createAbort } from '../../models/abort.ts'
import { type CallFailure, UnusableAnswer } from '../../models/failure.ts'
import type { GeminiRequest } from '../../models/gemini-client.ts'
import type { Answer, Model, ModelCall, Reply } from '../../models/model.ts'
import { wholeSentences } from '../../models/response.ts'

/** `detail` contains nothing of the request. */
export type Outcome =
  | { readonly outcome: 'complete'; readonly text: string; readonly model: string }
  | {
      readonly outcome: 'failed'
      readonly reason: CallFailure
      readonly detail: string
      /** Whether a part of the answer was forwarded. */
      readonly hasStarted: boolean
    }

type Failed = Extract<Outcome, { outcome: 'failed' }>

type Waits = {
  readonly signal: AbortSignal
  /** Limit for the first text of each model; default: `totalMs`. */
  readonly firstMs?: number
  /** Limit for the whole request. */
  readonly totalMs: number
  /** The user who made the request; unset: not counted against the share of a user. */
  readonly userId?: number
}

/** A longer text is rejected. */
const MAX_ANSWER_LENGTH = 20_000
/** After these failures no other model is called. */
const FINAL: ReadonlySet<CallFailure> = new Set(['aborted', 'key_refused'])

/** Requests of conversations. Calls the models in order until one starts to answer. Neither call rejects. */
export function createLanguageModel(models: readonly Model[]) {
  const callEach = async (
    request: GeminiRequest,
    { signal, firstMs, totalMs, userId }: Waits,
    send: (call: ModelCall, abort: Abort) => Promise<Reply<string>>,
    hasStarted: () => boolean,
  ): Promise<Outcome> => {
    const whole = createAbort(signal, totalMs)
    let last: Failed | undefined
    try {
      for (const model of models) {
        const early = abortReason(whole.signal)
        if (early !== undefined) return createFailure(early, 'before the model was asked')
        const call = await model.admit(request, {
          kind: 'conversation',
          ...(userId !== undefined && { userId }),
        })
        if (typeof call === 'string') {
          last ??= createFailure(call, 'the model cannot be asked now')
          continue
        }
        const abort = createAbort(whole.signal, firstMs)
        const reply = await send(call, abort)
        abort.release()
        if (reply.outcome === 'answered') return { outcome: 'complete', text: reply.value, model: model.name }
        last = createFailure(reply.reason, reply.detail, hasStarted())
        if (last.hasStarted || FINAL.has(last.reason)) return last
      }
      return last ?? createFailure('circuit_open', 'no model is configured')
    } finally {
      whole.release()
    }
  }

  return {
    /**
     * Passes the text on as it arrives. If a model fails before its first text, the next model is called. `onText`
     * returns false to abort the request.
     */
    stream(request: GeminiRequest, waits: Waits, onText: (text: string) => boolean): Promise<Outcome> {
      let length = 0
      const send = (call: ModelCall, abort: Abort) =>
        call.stream(
          abort.signal,
          (text) => {
            abort.stopTimer()
            length += text.length
            if (!onText(text)) abort.abort('aborted')
            abort.signal.throwIfAborted()
            if (length > MAX_ANSWER_LENGTH) throw new UnusableAnswer('malformed', 'the answer is too long')
          },
          (answer) => completeText(answer, request),
        )
      return callEach(request, waits, send, () => length > 0)
    },

    /** Returns the whole answer at once; it may be empty. */
    ask: (request: GeminiRequest, waits: Waits): Promise<Outcome> =>
      callEach(
        request,
        waits,
        (call, { signal }) =>
          call.generate(signal, (answer) => (answer.isCut ? completeText(answer, request) : answer.text)),
        () => false,
      ),
  }
}

export type LanguageModel = ReturnType<typeof createLanguageModel>

const createFailure = (reason: CallFailure, detail: string, hasStarted = false): Failed => ({
  outcome: 'failed',
  reason,
  detail,
  hasStarted,
})

/** Cuts an answer that reached the output limit after its last whole sentence. */
function completeText({ text, isCut }: Answer, { schema }: GeminiRequest): string {
  const whole = isCut && schema === undefined ? wholeSentences(text) : text
  if (whole.trim() !== '') return whole
  throw text.trim() === ''
    ? new UnusableAnswer('malformed', 'empty text')
    : new UnusableAnswer('truncated', 'stopped at the output limit')
}
