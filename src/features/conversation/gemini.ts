import {
  type Content,
  type GenerateContentResponse,
  GoogleGenerativeAI,
  GoogleGenerativeAIFetchError,
  type ResponseSchema,
} from '@google/generative-ai'

/** What one request asks for. */
export type Question = {
  readonly system: string
  readonly contents: readonly Content[]
  /** JSON of this shape is wanted instead of text. */
  readonly schema?: ResponseSchema
  readonly maxTokens: number
}

/** Whether a paid model may be asked now, and what it took; whoever watches over the costs says so. */
export type ModelGuard = {
  readonly admits: (model: string) => boolean | Promise<boolean>
  readonly used: (model: string, tokens: { readonly prompt: number; readonly answer: number }) => void
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
}

type Options = {
  readonly apiKey: string
  readonly baseUrl: string | null
  /** Tried in this order, until one has begun to answer. */
  readonly models: readonly string[]
  readonly guard: () => ModelGuard | undefined
}

/** Beyond this an answer is no answer any more. */
const LONGEST_ANSWER = 20_000
/** The fault of our request or key: another model would say the same. */
const OUR_FAULT: ReadonlySet<string> = new Set(['http_400', 'http_401', 'http_403'])

class AskError extends Error {
  readonly reason: string
  constructor(reason: string) {
    super(reason)
    this.name = 'AskError'
    this.reason = reason
  }
}

/** The adapter to Google's Gemini API for what people write and say. Neither call rejects. */
export function createGemini({ apiKey, baseUrl, models, guard }: Options) {
  const client = new GoogleGenerativeAI(apiKey)
  const requestOptions = baseUrl === null ? {} : { baseUrl: baseUrl.replace(/\/+$/, '') }

  const modelFor = (model: string, { system, schema, maxTokens }: Question) =>
    client.getGenerativeModel(
      {
        model,
        systemInstruction: system,
        generationConfig: {
          maxOutputTokens: maxTokens,
          ...(schema === undefined ? {} : { responseMimeType: 'application/json', responseSchema: schema }),
          ...thinking(model),
        },
      },
      requestOptions,
    )

  const account = (model: string, response: GenerateContentResponse | undefined) => {
    const { promptTokenCount: prompt, totalTokenCount: all } = response?.usageMetadata ?? {}
    if (Number.isSafeInteger(prompt) && Number.isSafeInteger(all))
      guard()?.used(model, { prompt: Number(prompt), answer: Math.max(0, Number(all) - Number(prompt)) })
  }

  /** Asks one model; throws AskError, or what the SDK throws. `onText` returns false when nobody listens any more. */
  const streamFrom = async (
    model: string,
    question: Question,
    cut: Cut,
    onText: (text: string) => boolean,
  ): Promise<string> => {
    const { signal } = cut
    const answer = await modelFor(model, question).generateContentStream(
      { contents: [...question.contents] },
      { signal },
    )
    answer.response.catch(() => undefined) // says once more what the stream says
    let text = ''
    let last: GenerateContentResponse | undefined
    try {
      for await (const part of answer.stream) {
        last = part
        const more = textOf(part)
        if (more === '') continue
        cut.hasBegun()
        text += more
        if (!onText(more)) throw new AskError('aborted')
        if (text.length > LONGEST_ANSWER) throw new AskError('endless')
      }
    } finally {
      account(model, last)
    }
    if (text.trim() === '') throw new AskError('empty')
    return text
  }

  const askEach = async (
    waits: Waits,
    ask: (model: string, cut: Cut) => Promise<string>,
    begun: () => boolean,
  ): Promise<Outcome> => {
    const until = performance.now() + waits.totalMs
    let failed: Outcome = { outcome: 'failed', reason: 'not_admitted', model: null, begun: false }
    for (const model of models) {
      const totalMs = until - performance.now()
      if (waits.signal.aborted) return { ...failed, reason: 'aborted' }
      if (totalMs <= 0) return { ...failed, reason: 'timed_out' }
      if ((await guard()?.admits(model)) === false) continue
      const cut = createCut({ ...waits, totalMs })
      try {
        return { outcome: 'complete', text: await ask(model, cut), model }
      } catch (error) {
        failed = { outcome: 'failed', reason: cut.struck() ?? reasonOf(error), model, begun: begun() }
        if (failed.begun || failed.reason === 'aborted' || OUR_FAULT.has(failed.reason)) return failed
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
        waits,
        (model, cut) => streamFrom(model, question, cut, told),
        () => begun,
      )
    },

    /** One answer, whole. */
    ask: (question: Question, waits: Waits): Promise<Outcome> =>
      askEach(
        waits,
        async (model, { signal }) => {
          const contents = [...question.contents]
          const { response } = await modelFor(model, question).generateContent({ contents }, { signal })
          account(model, response)
          return textOf(response)
        },
        () => false,
      ),
  }
}

export type Gemini = ReturnType<typeof createGemini>

/** Throws when the part says that there will be no answer. The SDK's own `text()` writes to the console when surprised. */
function textOf(response: GenerateContentResponse): string {
  if ('error' in response) throw new AskError('broken_off') // the API puts an error in place of an event
  const [candidate] = response.candidates ?? []
  if (candidate === undefined) {
    if (response.promptFeedback?.blockReason) throw new AskError('blocked')
    return ''
  }
  const finish: string | undefined = candidate.finishReason // the API knows more reasons than the SDK's enum
  if (finish !== undefined && finish !== 'STOP' && finish !== 'MAX_TOKENS') throw new AskError('blocked')
  // A candidate that was blocked or cut off may come without content, whatever the SDK's types say.
  const parts = (candidate.content as Content | undefined)?.parts ?? []
  return parts.map((part) => ('thought' in part ? '' : (part.text ?? ''))).join('')
}

function reasonOf(error: unknown): string {
  if (error instanceof AskError) return error.reason
  if (error instanceof GoogleGenerativeAIFetchError) return `http_${error.status ?? 0}`
  return 'unreachable'
}

/** Thinking eats output tokens, so each family is asked for the least it knows. https://ai.google.dev/gemini-api/docs/thinking */
function thinking(model: string): object {
  const generation = /gemini-(\d+(?:\.\d+)?)/.exec(model)?.[1]
  if (generation === '2.5') return { thinkingConfig: { thinkingBudget: 0 } }
  return Number(generation) >= 3 ? { thinkingConfig: { thinkingLevel: 'minimal' } } : {}
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
