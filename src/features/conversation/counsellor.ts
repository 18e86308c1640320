import { replyLocally } from '../../domain/counsellor/reply.ts'
import { splitForStream } from '../../domain/counsellor/split-for-stream.ts'
import type { CrisisLine } from '../../domain/crisis/lines.ts'
import { readCrisis } from '../../domain/crisis/read-crisis.ts'
import type { Language } from '../../domain/language.ts'
import type { AnswerSource } from '../../domain/session.ts'
import type { AiEvent, AiRequest } from '../../protocol/ai-events.ts'
import type { LanguageModel, Outcome } from './language-model.ts'
import { buildQuestion, type Exchange, type RecentEmotion } from './prompt.ts'
import type { ExchangeRow } from './repository.ts'
import type { Thoughts } from './thoughts.ts'

/** The data about the session that an answer uses. */
export type ConversationContext = {
  readonly language: Language
  readonly recent: readonly RecentEmotion[]
  readonly history: readonly Exchange[]
}

/** One message of a user, and what its answer needs. */
export type Turn = {
  readonly sessionId: string
  readonly request: AiRequest
  readonly context: ConversationContext
  /** Returns false when the listener is closed. */
  readonly send: (event: AiEvent) => boolean
  /** Aborts the answer. */
  readonly signal: AbortSignal
}

type SendChunk = (chunk: string) => boolean

type Dependencies = {
  /** Null: only the local counsellor answers. */
  readonly model: Pick<LanguageModel, 'stream'> | null
  readonly thoughts: Thoughts
  readonly lines: readonly CrisisLine[]
  readonly waits: { readonly firstMs: number; readonly totalMs: number }
  /** Stores the exchange once and returns its id; null when the write takes too long and is done later. */
  readonly store: (exchange: ExchangeRow) => Promise<string | null>
  readonly onModel: (outcome: Outcome) => void
}

/** Answers one message at a time. */
export function createCounsellor({ model, thoughts, lines, waits, store, onModel }: Dependencies) {
  type Reply = { readonly text: string; readonly source: AnswerSource }

  const answerLocally = async (
    { sessionId, request: { message, emotion }, context: { language, recent, history } }: Turn,
    sendChunk: SendChunk,
  ): Promise<Reply> => {
    const reply = replyLocally({
      message,
      emotion,
      language,
      recentEmotions: recent.map((one) => one.emotion),
      history: history.flatMap(({ message: question, response }) => [
        { role: 'user' as const, text: question },
        { role: 'assistant' as const, text: response },
      ]),
      pace: await thoughts.getPace(sessionId),
      configuredLines: lines,
    })
    const { detections, intervention } = reply
    thoughts.note(sessionId, { text: message, isSpoken: false }, { detections, intervention })
    for (const chunk of splitForStream(reply.text)) sendChunk(chunk)
    return { text: reply.text, source: 'local' }
  }

  /** The model's answer; `not_started` when it failed before its first text, `interrupted` when after. */
  const answerByModel = async (
    { stream }: Pick<LanguageModel, 'stream'>,
    { sessionId, request, context, signal }: Turn,
    sendChunk: SendChunk,
  ): Promise<Reply | 'not_started' | 'interrupted'> => {
    const found = await thoughts.read(sessionId, request.message, context.language)
    const { detections, intervention } = found
    const mayOffer = thoughts.mayOffer(sessionId)
    const question = buildQuestion({ ...request, ...context, detections, intervention, mayOffer, lines })
    const answer = await stream(question, { signal, ...waits }, sendChunk)
    onModel(answer)
    if (answer.outcome === 'failed' && !answer.hasStarted) return 'not_started' // the local counsellor notes its own findings
    thoughts.note(sessionId, { text: request.message, isSpoken: false }, found)
    return answer.outcome === 'complete' ? { text: answer.text, source: 'gemini' } : 'interrupted'
  }

  return {
    /**
     * Sends the first event and the chunks and returns the last event, because the client may send its next message
     * when it receives that. Returns undefined when `signal` aborted the answer. A complete answer is stored in any
     * case. Rejects on an internal error.
     */
    async answer(turn: Turn): Promise<AiEvent | undefined> {
      const { sessionId, request, context, send, signal } = turn
      const sendChunk = (chunk: string) => send({ type: 'chunk', chunk, timestamp: Date.now() })
      const emotion = request.emotion ?? context.recent.at(-1)?.emotion ?? null
      send({ type: 'begin', timestamp: Date.now(), emotion })
      const isForModel = model !== null && !readCrisis(request.message).isCrisis
      const reply = isForModel ? await answerByModel(model, turn, sendChunk) : 'not_started'
      if (signal.aborted && typeof reply === 'string') return undefined
      if (reply === 'interrupted') return { type: 'error', code: 'AI_INTERRUPTED' }
      const { text, source } = reply === 'not_started' ? await answerLocally(turn, sendChunk) : reply
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
