import {
  type Content,
  type ErrorDetails,
  type GenerateContentResponse,
  GoogleGenerativeAI,
  GoogleGenerativeAIFetchError,
  type ResponseSchema,
} from '@google/generative-ai'
import { createParser } from 'eventsource-parser'
import { createProfiles, type Profile, type ThinkingSettings } from './profile.ts'
import { refusalOf } from './refusal.ts'

export type GeminiRequest = {
  readonly system: string
  readonly contents: readonly Content[]
  /** JSON of this shape is wanted instead of text. */
  readonly schema?: ResponseSchema
  readonly maxOutputTokens: number
}

type Options = {
  readonly apiKey: string
  /** Origin of the API; Google's when null. */
  readonly baseUrl: string | null
  readonly thinking?: ThinkingSettings
}

const GOOGLE = 'https://generativelanguage.googleapis.com'
/** A stream that says more than this is not an answer. */
const MAX_STREAM_CHARACTERS = 4_000_000

/**
 * Requests to Google's Gemini API. Both calls throw what the SDK throws: GoogleGenerativeAIFetchError for a status,
 * another error for a connection. A request whose thinking the model refuses is repeated with less, and what it accepts
 * is remembered.
 */
export function createGeminiClient({ apiKey, baseUrl, thinking }: Options) {
  const sdk = new GoogleGenerativeAI(apiKey)
  const origin = (baseUrl ?? GOOGLE).replace(/\/+$/, '')
  const profiles = createProfiles(thinking)

  const configOf = ({ schema, maxOutputTokens }: GeminiRequest, profile: Profile) => ({
    maxOutputTokens: Math.max(maxOutputTokens, profile.minOutputTokens),
    ...(schema === undefined ? {} : { responseMimeType: 'application/json', responseSchema: schema }),
    ...(profile.thinking === null ? {} : { thinkingConfig: profile.thinking }),
  })

  /** `send` is called again while the API refuses how much thinking was asked for. */
  const withThinking = async <T>(
    model: string,
    signal: AbortSignal,
    send: (profile: Profile) => Promise<T>,
  ): Promise<T> => {
    for (;;) {
      const profile = profiles.profileOf(model)
      signal.throwIfAborted() // the SDK would ask all the same
      try {
        return await send(profile)
      } catch (error) {
        if (refusalOf(error) !== 'thinking' || !profiles.relax(model, profile)) throw error
      }
    }
  }

  return {
    /** The whole answer. */
    generate: (
      model: string,
      request: GeminiRequest,
      signal: AbortSignal,
    ): Promise<GenerateContentResponse> =>
      withThinking(model, signal, async (profile) => {
        const { response } = await sdk
          .getGenerativeModel(
            { model, systemInstruction: request.system, generationConfig: configOf(request, profile) },
            { baseUrl: origin },
          )
          .generateContent({ contents: [...request.contents] }, { signal })
        return response
      }),

    /**
     * The pieces of the answer as they come. The SDK's reader of event streams refuses comments, `event:` lines and
     * U+2028, which gateways send, and takes a stream that breaks off for a whole one.
     */
    async *stream(
      model: string,
      request: GeminiRequest,
      signal: AbortSignal,
    ): AsyncGenerator<GenerateContentResponse> {
      const path = model.includes('/') ? model : `models/${model}`
      const response = await withThinking(model, signal, async (profile) => {
        const answer = await fetch(`${origin}/v1beta/${path}:streamGenerateContent?alt=sse`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-goog-api-key': apiKey },
          body: JSON.stringify({
            contents: request.contents,
            systemInstruction: { role: 'system', parts: [{ text: request.system }] },
            generationConfig: configOf(request, profile),
          }),
          signal,
        })
        if (!answer.ok) throw await statusError(answer)
        return answer
      })
      yield* eventsOf(response)
    },
  }
}

export type GeminiClient = ReturnType<typeof createGeminiClient>

/** The same error that the SDK makes of a status. */
async function statusError(response: Response): Promise<GoogleGenerativeAIFetchError> {
  const body: unknown = await response.json().catch(() => undefined) // a proxy's page
  const { message, details } = errorIn(body)
  return new GoogleGenerativeAIFetchError(message, response.status, response.statusText, details)
}

function errorIn(body: unknown): { message: string; details: ErrorDetails[] } {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined
  if (typeof error !== 'object' || error === null) return { message: '', details: [] }
  const message = 'message' in error && typeof error.message === 'string' ? error.message : ''
  const details = 'details' in error && Array.isArray(error.details) ? (error.details as ErrorDetails[]) : [] // searched as text only
  return { message, details }
}

/** Each event of the stream. A broken connection, and an event that is not JSON, throw. */
async function* eventsOf({ body }: Response): AsyncGenerator<GenerateContentResponse> {
  if (body === null) return
  const texts: string[] = []
  const parser = createParser({ onEvent: ({ data }) => void texts.push(data) })
  // An event of several lines is JSON that was cut anywhere; within JSON a line end has no meaning.
  const taken = () =>
    texts
      .splice(0)
      .filter((text) => text !== '[DONE]')
      .map((text) => JSON.parse(text.replaceAll('\n', '')) as GenerateContentResponse) // as documented; each reader checks what it uses
  let length = 0
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    length += piece.length
    if (length > MAX_STREAM_CHARACTERS) throw new RangeError('an endless stream')
    parser.feed(piece)
    yield* taken()
  }
  parser.feed('\n\n') // the last event may lack its blank line
  yield* taken()
}
