import { Buffer } from 'node:buffer'
import {
  type Content,
  type GenerateContentResponse,
  GoogleGenerativeAIFetchError,
  type ResponseSchema,
} from '@google/generative-ai'
import { createGeminiClient } from '../../models/gemini-client.ts'
import type { ThinkingSettings } from '../../models/profile.ts'
import { refusalOf } from '../../models/refusal.ts'
import { finishReasonOf, textOf, wholeSentences } from '../../models/response.ts'

/** What one request asks for. */
export type Question = {
  readonly system: string
  readonly contents: readonly Content[]
  /** JSON of this shape is wanted instead of text. */
  readonly schema?: ResponseSchema
  readonly maxTokens: number
}

/** How a request that was admitted has ended. */
export type Ending = {
  /** `called_off`: by us, on its way; `not_made`: before it was sent. Neither says how well the model is. */
  readonly outcome: 'answered' | 'failed' | 'timed_out' | 'called_off' | 'not_made'
  /** What was thrown, of a failure. */
  readonly error?: unknown
  /** As the API counted them; null when it did not say. */
  readonly tokens: { readonly prompt: number; readonly answer: number } | null
}

/**
 * Whoever watches over what models cost and how they do: asked for leave before each request of about so many tokens,
 * and told once how it ended. Undefined: it may not be made now.
 */
export type ModelGuard = {
  readonly admit: (
    model: string,
    tokens: number,
    /** The user who has asked for it; counted against the share of one user. */
    caller?: number,
  ) => Promise<((ending: Ending) => void) | undefined>
}

/** Why there is no answer, in words that hold nothing of what was asked: `http_503`, `timed_out`, `blocked`, ... */
export type Outcome =
  | { readonly outcome: 'complete'; readonly text: string; readonly model: string }
  | {
      readonly outcome: 'failed'
      readonly reason: string
      readonly model: string | null
      readonly begun: boolean
    }

type Waits = {
  readonly signal: AbortSignal
  /** For the first text of each model. */
  readonly firstMs: number
  /** For everything. */
  readonly totalMs: number
  /** The user whose request it is. */
  readonly caller?: number
}

type Options = {
  readonly apiKey: string
  readonly baseUrl: string | null
  /** Tried in this order, until one has begun to answer. */
  readonly models: readonly string[]
  readonly thinking?: ThinkingSettings
  readonly guard: () => ModelGuard
}

/** Beyond this an answer is no answer any more. */
const LONGEST_ANSWER = 20_000
/** Another model would do no better. */
const FINAL: ReadonlySet<string> = new Set(['aborted', 'key_refused'])
/** Reasons that are not a failure of the model, or not a plain one. */
const ENDINGS: ReadonlyMap<string, Ending['outcome']> = new Map([
  ['aborted', 'called_off'],
  ['blocked', 'answered'],
  ['timed_out', 'timed_out'],
] as const)

class AskError extends Error {
  readonly reason: string
  constructor(reason: string) {
    super(reason)
    this.name = 'AskError'
    this.reason = reason
  }
}

/** Asks Google's Gemini API about what people write and say. Neither call rejects. */
export function createGemini({ apiKey, baseUrl, models, thinking, guard }: Options) {
  const client = createGeminiClient({ apiKey, baseUrl, ...(thinking && { thinking }) })

  const requestOf = ({ maxTokens, ...question }: Question) => ({ ...question, maxOutputTokens: maxTokens })

  /** Asks one model; throws AskError, or what the client throws. `onText` returns false when nothing more is wanted. */
  const streamFrom = async (
    model: string,
    question: Question,
    cut: Cut,
    bill: Bill,
    onText: (text: string) => boolean,
  ): Promise<string> => {
    let text = ''
    let finish: string | undefined
    for await (const part of client.stream(model, requestOf(question), cut.signal)) {
      bill.read(part) // each part says what it took so far
      finish = checkedFinish(part) ?? finish
      const more = textOf(part)
      if (more === '') continue
      cut.hasBegun()
      text += more
      if (!onText(more)) throw new AskError('aborted')
      if (text.length > LONGEST_ANSWER) throw new AskError('endless')
    }
    if (finish === undefined) throw new AskError('broken_off')
    return complete(text, finish, question)
  }

  const askEach = async (
    question: Question,
    waits: Waits,
    ask: (model: string, cut: Cut, bill: Bill) => Promise<string>,
    begun: () => boolean,
  ): Promise<Outcome> => {
    const until = performance.now() + waits.totalMs
    const tokens = tokensToSend(question)
    let failed: Outcome = { outcome: 'failed', reason: 'not_admitted', model: null, begun: false }
    for (const model of models) {
      const leave = await guard().admit(model, tokens, waits.caller)
      if (leave === undefined) continue
      const totalMs = until - performance.now()
      if (waits.signal.aborted || totalMs <= 0) {
        leave({ outcome: 'not_made', tokens: null })
        return { ...failed, reason: waits.signal.aborted ? 'aborted' : 'timed_out' }
      }
      const cut = createCut({ ...waits, totalMs })
      const bill = createBill()
      try {
        const text = await ask(model, cut, bill)
        leave({ outcome: 'answered', tokens: bill.tokens() })
        return { outcome: 'complete', text, model }
      } catch (error) {
        const reason = cut.struck() ?? reasonOf(error)
        leave({ outcome: ENDINGS.get(reason) ?? 'failed', error, tokens: bill.tokens() })
        failed = { outcome: 'failed', reason, model, begun: begun() }
        if (failed.begun || FINAL.has(reason)) return failed
      } finally {
        cut.release()
      }
    }
    return failed
  }

  return {
    /** Text as it comes; a model that fails before its first word is followed by the next. */
    stream: (question: Question, waits: Waits, onText: (text: string) => boolean): Promise<Outcome> => {
      let begun = false
      const told = (text: string) => {
        begun = true
        return onText(text)
      }
      return askEach(
        question,
        waits,
        (model, cut, bill) => streamFrom(model, question, cut, bill, told),
        () => begun,
      )
    },

    /** One answer, whole. */
    ask: (question: Question, waits: Waits): Promise<Outcome> =>
      askEach(
        question,
        waits,
        async (model, { signal }, bill) => {
          const response = await client.generate(model, requestOf(question), signal)
          bill.read(response)
          const finish = checkedFinish(response)
          return finish === 'MAX_TOKENS' ? complete(textOf(response), finish, question) : textOf(response)
        },
        () => false,
      ),
  }
}

export type Gemini = ReturnType<typeof createGemini>

/** Why the answer ends here, or undefined while it goes on. Throws when there will be no answer. */
function checkedFinish(response: GenerateContentResponse): string | undefined {
  if ('error' in response) throw new AskError('broken_off') // the API puts an error in place of an event
  const [candidate] = response.candidates ?? []
  if (candidate === undefined && response.promptFeedback?.blockReason) throw new AskError('blocked')
  const finish = finishReasonOf(response)
  if (finish !== undefined && finish !== 'STOP' && finish !== 'MAX_TOKENS') throw new AskError('blocked')
  return finish
}

/** An answer that the limit has cut off ends with its last whole sentence. */
function complete(text: string, finish: string, { schema }: Question): string {
  const whole = finish === 'MAX_TOKENS' && schema === undefined ? wholeSentences(text) : text
  if (whole.trim() === '') throw new AskError(text.trim() === '' ? 'empty' : 'truncated')
  return whole
}

function reasonOf(error: unknown): string {
  if (error instanceof AskError) return error.reason
  const refusal = refusalOf(error)
  if (refusal === 'key') return 'key_refused'
  if (refusal === 'region') return 'region_not_supported'
  if (refusal === 'thinking') return 'thinking_refused'
  if (error instanceof GoogleGenerativeAIFetchError) return `http_${error.status ?? 0}`
  return 'unreachable'
}

/** A token for three bytes of text, and for an eighth of a kilobyte of sound: more than either takes. */
const TEXT_BYTES = 3
const SOUND_BYTES = 128
const BASE64_BYTES = 3 / 4

function tokensToSend({ system, contents, schema }: Question): number {
  const parts = contents.flatMap((content) => content.parts)
  const texts = [system, JSON.stringify(schema ?? ''), ...parts.map(({ text }) => text ?? '')]
  const textBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const soundBytes =
    parts.reduce((sum, { inlineData }) => sum + (inlineData?.data.length ?? 0), 0) * BASE64_BYTES
  return Math.ceil(textBytes / TEXT_BYTES + soundBytes / SOUND_BYTES)
}

type Bill = ReturnType<typeof createBill>

/** What the API says that a request took; the last word counts. */
function createBill() {
  let tokens: Ending['tokens'] = null
  return {
    tokens: () => tokens,
    read({ usageMetadata }: GenerateContentResponse): void {
      const { promptTokenCount: prompt, totalTokenCount: all } = usageMetadata ?? {}
      if (Number.isSafeInteger(prompt) && Number.isSafeInteger(all))
        tokens = { prompt: Number(prompt), answer: Math.max(0, Number(all) - Number(prompt)) }
    },
  }
}

type Cut = ReturnType<typeof createCut>

/** Our own abort, which closes the connection: by the caller, or when the first text or the end is too late. */
function createCut({ signal, firstMs, totalMs }: Waits) {
  const controller = new AbortController()
  let struck: 'aborted' | 'timed_out' | undefined
  const strike = (by: 'aborted' | 'timed_out') => {
    struck ??= by
    controller.abort()
  }
  const onAbort = () => strike('aborted')
  const first = setTimeout(strike, Math.min(firstMs, totalMs), 'timed_out')
  const total = setTimeout(strike, totalMs, 'timed_out')
  signal.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    struck: () => struck,
    hasBegun: () => clearTimeout(first),
    release() {
      clearTimeout(first)
      clearTimeout(total)
      signal.removeEventListener('abort', onAbort)
      controller.abort() // whatever is still open of the connection
    },
  }
}
