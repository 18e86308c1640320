import {
  type Content,
  type ErrorDetails,
  type GenerateContentResponse,
  GoogleGenerativeAI,
  GoogleGenerativeAIFetchError,
  type ResponseSchema,
} from '@google/generative-ai'
import { createParser } from 'eventsource-parser'
import { refusalOf } from './failure.ts'
import { createProfiles, type Profile, type ThinkingSettings } from './profile.ts'

export type GeminiRequest = {
  readonly system: string
  readonly contents: readonly Content[]
  /** If set, the answer is JSON of this schema. */
  readonly schema?: ResponseSchema
  readonly maxOutputTokens: number
}

export type GeminiAccess = {
  readonly apiKey: string
  /** Origin of the API; Google's when null. */
  readonly baseUrl: string | null
  readonly thinking?: ThinkingSettings
  /** Called when the API has refused the thinking setting of a model, and the request is repeated with another. */
  readonly onRelaxed?: (model: string) => void
}

const GOOGLE = 'https://generativelanguage.googleapis.com'
/** Limit of a streamed answer. */
const MAX_STREAM_CHARACTERS = 4_000_000

/**
 * Requests to Google's Gemini API. Both calls throw the errors of the SDK: GoogleGenerativeAIFetchError for a status,
 * another error for a connection. If the model refuses the thinking setting, the request is repeated with less, and the
 * accepted setting is cached.
 */
export function createGeminiClient({ apiKey, baseUrl, thinking, onRelaxed }: GeminiAccess) {
  const sdk = new GoogleGenerativeAI(apiKey)
  const origin = (baseUrl ?? GOOGLE).replace(/\/+$/, '')
  const profiles = createProfiles(thinking)

  const toGenerationConfig = ({ schema, maxOutputTokens }: GeminiRequest, profile: Profile) => ({
    maxOutputTokens: Math.max(maxOutputTokens, profile.minOutputTokens),
    ...(schema === undefined ? {} : { responseMimeType: 'application/json', responseSchema: schema }),
    ...(profile.thinking === null ? {} : { thinkingConfig: profile.thinking }),
  })

  /** Calls `send` again while the API refuses the thinking setting. */
  const withThinking = async <T>(
    model: string,
    signal: AbortSignal,
    send: (profile: Profile) => Promise<T>,
  ): Promise<T> => {
    for (;;) {
      const profile = profiles.profileOf(model)
      signal.throwIfAborted() // the SDK would send the request
      try {
        return await send(profile)
      } catch (error) {
        if (refusalOf(error) !== 'thinking' || !profiles.relax(model, profile)) throw error
        onRelaxed?.(model)
      }
    }
  }

  return {
    /** Returns the whole answer. */
    generate: (
      model: string,
      request: GeminiRequest,
      signal: AbortSignal,
    ): Promise<GenerateContentResponse> =>
      withThinking(model, signal, async (profile) => {
        const { response } = await sdk
          .getGenerativeModel(
            {
              model,
              systemInstruction: request.system,
              generationConfig: toGenerationConfig(request, profile),
            },
            { baseUrl: origin },
          )
          .generateContent({ contents: [...request.contents] }, { signal })
        return response
      }),

    /**
     * Streams the parts of the answer. Does not use the SDK's event stream parser, which fails on comments, `event:`
     * lines and U+2028, which gateways send, and accepts an interrupted stream.
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
            generationConfig: toGenerationConfig(request, profile),
          }),
          signal,
        })
        if (!answer.ok) throw await statusError(answer)
        return answer
      })
      yield* readEvents(response)
    },
  }
}

export type GeminiClient = ReturnType<typeof createGeminiClient>

/** The error that the SDK creates for a status. */
async function statusError(response: Response): Promise<GoogleGenerativeAIFetchError> {
  const body: unknown = await response.json().catch(() => undefined) // the page of a proxy
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

/** The events of the stream. Throws on a lost connection or invalid JSON. */
async function* readEvents({ body }: Response): AsyncGenerator<GenerateContentResponse> {
  if (body === null) return
  const texts: string[] = []
  const parser = createParser({ onEvent: ({ data }) => void texts.push(data) })
  // An event of several lines is JSON that was split anywhere; line ends in JSON have no meaning.
  const takeParsed = () =>
    texts
      .splice(0)
      .filter((text) => text !== '[DONE]')
      .map((text) => JSON.parse(text.replaceAll('\n', '')) as GenerateContentResponse) // as documented; each reader checks what it uses
  let length = 0
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    length += piece.length
    if (length > MAX_STREAM_CHARACTERS) throw new RangeError('the stream is too long')
    parser.feed(piece)
    yield* takeParsed()
  }
  parser.feed('\n\n') // the last event may lack its blank line
  yield* takeParsed()
}
