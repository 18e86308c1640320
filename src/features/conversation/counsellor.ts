import { replyLocally } from '../../domain/counsellor/reply.ts'
import { splitForStream } from '../../domain/counsellor/split-for-stream.ts'
import type { CrisisLine } from '../../domain/crisis/lines.ts'
import { readCrisis } from '../../domain/crisis/read-crisis.ts'
import type { Emotion } from '../../domain/emotion.ts'
import type { Language } from '../../domain/language.ts'
import type { AnswerSource } from '../../domain/session.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Gemini } from './gemini.ts'
import { buildQuestion, type Exchange, type RecentEmotion } from './prompt.ts'
import type { ExchangeRow } from './repository.ts'
import type { Thoughts } from './thoughts.ts'

export type AiRequest = { readonly message: string; readonly emotion: Emotion | null }

/** What whoever asked hears, in this order: begin, chunks, complete; or an error in place of what is left. */
export type AiEvent =
  | { readonly type: 'begin'; readonly timestamp: number; readonly emotion: Emotion | null }
  | { readonly type: 'chunk'; readonly timestamp: number; readonly chunk: string }
  | {
      readonly type: 'complete'
      readonly timestamp: number
      readonly fullResponse: string
      readonly conversationId: string | null
      readonly source: AnswerSource
    }
  | { readonly type: 'error'; readonly code: ErrorCode }

/** What the session knows of itself when it is asked something. */
export type Surroundings = {
  readonly language: Language
  readonly recent: readonly RecentEmotion[]
  readonly history: readonly Exchange[]
}

type Dependencies = {
  /** Null: nobody but the local counsellor. */
  readonly gemini: Pick<Gemini, 'stream'> | null
  readonly thoughts: Thoughts
  readonly lines: readonly CrisisLine[]
  readonly waits: { readonly firstMs: number; readonly totalMs: number }
  /** Stores the exchange, once, and names it; null when that takes too long, and it is stored later. */
  readonly store: (exchange: ExchangeRow) => Promise<string | null>
  /** The model has answered, or why not, in a word. */
  readonly onModel: (outcome: string) => void
}

/** Answers one message. `tell` returns false when nobody listens any more. */
export function createCounsellor({ gemini, thoughts, lines, waits, store, onModel }: Dependencies) {
  type Told = { readonly text: string; readonly source: AnswerSource }

  const answerLocally = async (
    sessionId: string,
    { message, emotion }: AiRequest,
    { language, recent, history }: Surroundings,
    say: (chunk: string) => boolean,
  ): Promise<Told> => {
    const reply = replyLocally({
      message,
      emotion,
      language,
      recentEmotions: recent.map((one) => one.emotion),
      history: history.flatMap(({ message: asked, response }) => [
        { role: 'user' as const, text: asked },
        { role: 'assistant' as const, text: response },
      ]),
      pace: await thoughts.paceOf(sessionId),
      configuredLines: lines,
    })
    const { detections, intervention } = reply
    thoughts.note(sessionId, { text: message, isSpoken: false }, { detections, intervention })
    for (const chunk of splitForStream(reply.text)) say(chunk)
    return { text: reply.text, source: 'local' }
  }

  /** The model's answer; `unbegun` when it failed before its first word, `broken` after. */
  const answerByModel = async (
    model: Pick<Gemini, 'stream'>,
    sessionId: string,
    request: AiRequest,
    around: Surroundings,
    say: (chunk: string) => boolean,
    signal: AbortSignal,
  ): Promise<Told | 'unbegun' | 'broken'> => {
    const read = await thoughts.read(sessionId, request.message, around.language)
    const { detections, intervention } = read
    const mayOffer = thoughts.mayOffer(sessionId)
    const question = buildQuestion({ ...request, ...around, detections, intervention, mayOffer, lines })
    const answer = await model.stream(question, { signal, ...waits }, say)
    onModel(answer.outcome === 'complete' ? 'answered' : answer.reason)
    if (answer.outcome === 'failed' && !answer.begun) return 'unbegun' // whoever answers instead notes what it read
    thoughts.note(sessionId, { text: request.message, isSpoken: false }, read)
    return answer.outcome === 'complete' ? { text: answer.text, source: 'gemini' } : 'broken'
  }

  return {
    /**
     * Tells the beginning and the chunks and returns the last event, for whoever asked may ask again on hearing it;
     * undefined when `signal` cut it off. What was complete is stored all the same. Rejects when something is broken here.
     */
    async answer(
      sessionId: string,
      request: AiRequest,
      around: Surroundings,
      tell: (event: AiEvent) => boolean,
      signal: AbortSignal,
    ): Promise<AiEvent | undefined> {
      const say = (chunk: string) => tell({ type: 'chunk', chunk, timestamp: Date.now() })
      const emotion = request.emotion ?? around.recent.at(-1)?.emotion ?? null
      tell({ type: 'begin', timestamp: Date.now(), emotion })
      const isForModel = gemini !== null && !readCrisis(request.message).isCrisis
      const told = isForModel
        ? await answerByModel(gemini, sessionId, request, around, say, signal)
        : 'unbegun'
      if (signal.aborted && typeof told === 'string') return undefined
      if (told === 'broken') return { type: 'error', code: 'AI_INTERRUPTED' }
      const { text, source } =
        told === 'unbegun' ? await answerLocally(sessionId, request, around, say) : told
      const { message } = request
      const conversationId = await store({
        sessionId,
        message,
        response: text,
        emotion,
        source,
        createdAt: new Date(),
      })
      return { type: 'complete', timestamp: Date.now(), fullResponse: text, conversationId, source }
    },
  }
}

export type Counsellor = ReturnType<typeof createCounsellor>
