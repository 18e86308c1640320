import type { IncomingHttpHeaders } from 'node:http'

/**
 * The part of Google's public REST protocol that the double implements: paths, error bodies, answers and request
 * checks.
 */
export type RecordedRequest = {
  readonly method: string
  readonly path: string
  readonly model: string
  readonly streaming: boolean
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

export type Refusal = { readonly status: number; readonly body: object }

/** The model and the kind of call in a path, or undefined when the API has no such path. */
export function readPath(path: string): { model: string; streaming: boolean } | undefined {
  const [, model, call] =
    /^\/v1beta\/models\/([\w.-]+):(generateContent|streamGenerateContent\?alt=sse)$/.exec(path) ?? []
  if (model === undefined || call === undefined) return undefined
  return { model, streaming: call.startsWith('stream') }
}

/** An error in the format of google.rpc.Status. */
export function refusal(status: number, code: string, message: string, details?: object[]): Refusal {
  return { status, body: { error: { code: status, message, status: code, ...(details && { details }) } } }
}

export function keyRefusal(): Refusal {
  const reason = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: 'API_KEY_INVALID',
    domain: 'googleapis.com',
  }
  return refusal(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [reason])
}

export function modelRefusal(model: string): Refusal {
  const message = `models/${model} is not found for API version v1beta, or is not supported for generateContent.`
  return refusal(404, 'NOT_FOUND', message)
}

/** The request comes from a country that the API does not serve. */
export function regionRefusal(): Refusal {
  return refusal(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.')
}

/** Gemini uses about one token per four bytes of text. */
const BYTES_PER_TOKEN = 4
const tokensIn = (text: string) => Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)

/** Tokens of all texts of a request: instruction, contents and response schema. */
export function promptTokens(body: unknown): number {
  if (!isRecord(body)) return 0
  const { systemInstruction, contents, generationConfig } = body
  return tokensIn(JSON.stringify([systemInstruction, contents, generationConfig]))
}

/**
 * A GenerateContentResponse with one candidate. `said` is the whole text so far of a stream; its tokens are counted.
 * `thought` is a separate part before the text.
 */
export function generated(
  text: string,
  finishReason?: string,
  { request, said = text, thought }: { request?: RecordedRequest; said?: string; thought?: string } = {},
): object {
  const promptTokenCount = request === undefined ? 700 : promptTokens(request.body)
  const candidatesTokenCount = tokensIn(said)
  const parts =
    thought === undefined
      ? [{ text }]
      : [
          { text: thought, thought: true },
          { text, thought: false },
        ]
  return {
    candidates: [{ content: { role: 'model', parts }, index: 0, ...(finishReason && { finishReason }) }],
    usageMetadata: {
      promptTokenCount,
      candidatesTokenCount,
      totalTokenCount: promptTokenCount + candidatesTokenCount,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: promptTokenCount }],
    },
    modelVersion: request?.model ?? 'double',
    responseId: 'double',
  }
}

/** Why the API would refuse this request, or undefined: checks the key, then the body. A null key accepts any. */
export function checkRequest(request: RecordedRequest, apiKey: string | null): Refusal | undefined {
  const key = request.headers['x-goog-api-key']
  if (key === undefined)
    return refusal(403, 'PERMISSION_DENIED', "Method doesn't allow unregistered callers.")
  if (apiKey !== null && key !== apiKey) return keyRefusal()
  const fault = bodyFault(request.body, request.model)
  return fault === undefined ? undefined : refusal(400, 'INVALID_ARGUMENT', fault)
}

const BODY_FIELDS = [
  'contents',
  'systemInstruction',
  'generationConfig',
  'safetySettings',
  'tools',
  'toolConfig',
  'cachedContent',
]
const SCHEMA_FIELDS = [
  'type',
  'format',
  'title',
  'description',
  'nullable',
  'enum',
  'items',
  'minItems',
  'maxItems',
  'properties',
  'required',
  'propertyOrdering',
  'anyOf',
]
const SCHEMA_TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object']

function bodyFault(body: unknown, model: string): string | undefined {
  if (!isRecord(body)) return 'Invalid JSON payload received.'
  const { contents, generationConfig: config } = body
  if (!Array.isArray(contents) || contents.length === 0) return 'contents is not specified'
  if (!contents.every(isContent)) return 'contents.parts must not be empty, role is user or model'
  const fault = unknownField(body, BODY_FIELDS)
  if (fault !== undefined || config === undefined) return fault
  return isRecord(config) ? configFault(config, model) : 'Invalid value at generation_config'
}

function isContent(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { role, parts } = value
  return (role === 'user' || role === 'model') && Array.isArray(parts) && parts.length > 0
}

function configFault(config: Record<string, unknown>, model: string): string | undefined {
  const {
    maxOutputTokens: most,
    thinkingConfig: thinking,
    responseSchema: schema,
    responseMimeType: mime,
  } = config
  if (most !== undefined && !(Number.isInteger(most) && Number(most) > 0))
    return 'max_output_tokens must be positive'
  const fault = isRecord(thinking) ? thinkingFault(thinking, model) : undefined
  if (fault !== undefined || schema === undefined) return fault
  if (mime !== 'application/json') return 'A response schema needs response_mime_type application/json'
  return schemaFault(schema)
}

/** Families that do not accept the thinking level `minimal`. */
const NO_MINIMAL = /gemini-3(\.\d+)?-pro|gemini-3\.[78]-flash(?!-lite)/

function thinkingFault(
  { thinkingLevel: level, thinkingBudget: budget }: Record<string, unknown>,
  model: string,
): string | undefined {
  if (level !== undefined && budget !== undefined) return 'You can only set one of thinking budget and level.'
  if (level !== undefined && model.includes('gemini-2.5'))
    return 'Thinking level is not supported for this model.'
  if (budget === 0 && model.includes('gemini-2.5-pro'))
    return 'Budget 0 is invalid. This model only works in thinking mode.'
  if (String(level).toLowerCase() === 'minimal' && NO_MINIMAL.test(model))
    return 'Thinking level MINIMAL is not supported for this model.'
  return undefined
}

/**
 * The first keyword in a response schema that the API does not accept: `minimum`, `maximum`, `additionalProperties`,
 * ...
 */
function schemaFault(schema: unknown): string | undefined {
  if (!isRecord(schema)) return 'Invalid value at generation_config.response_schema'
  const unknown = unknownField(schema, SCHEMA_FIELDS)
  if (unknown !== undefined) return unknown
  const { type, properties, items, required } = schema
  if (!SCHEMA_TYPES.includes(String(type).toLowerCase())) return 'response_schema.type is not specified'
  if (isRecord(properties)) {
    if (Array.isArray(required) && !required.every((key) => String(key) in properties)) {
      return 'response_schema.required: property is not defined'
    }
    return Object.values(properties).map(schemaFault).find(Boolean)
  }
  return items === undefined ? undefined : schemaFault(items)
}

function unknownField(value: Record<string, unknown>, known: readonly string[]): string | undefined {
  const field = Object.keys(value).find((key) => !known.includes(key))
  return field && `Invalid JSON payload received. Unknown name "${field}": Cannot find field.`
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
