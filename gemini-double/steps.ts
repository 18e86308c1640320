import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  generated,
  keyRefusal,
  modelRefusal,
  type RecordedRequest,
  type Refusal,
  refusal,
  regionRefusal,
} from './protocol.ts'

/** The behaviour for one request. A step that never ends the response hangs until the client disconnects. */
export type Step = (request: RecordedRequest, response: ServerResponse) => void | Promise<void>

/** A plausible emotion analysis in the format of the model. */
export const HAPPY = {
  emotion: 'happy',
  confidence: 0.82,
  scores: {
    happy: 0.8,
    sad: 0.02,
    angry: 0.02,
    anxious: 0.02,
    neutral: 0.08,
    surprised: 0.04,
    disgusted: 0.01,
    fearful: 0.01,
  },
  valence: 0.7,
  arousal: 0.4,
  dominance: 0.3,
}

/** Waits so many milliseconds, or until a promise settles. */
async function wait(after: number | Promise<unknown>): Promise<void> {
  if (typeof after !== 'number') await after
  else if (after > 0) await sleep(after)
}

/** Text of the model, whole or streamed; after `after` ms, or when a promise settles. */
export function answer(
  content: string | object = HAPPY,
  { after = 0 }: { after?: number | Promise<unknown> } = {},
): Step {
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  return stream(pieces(text), { after })
}

/** Chunks of up to twenty characters, without splitting a character. */
export const pieces = (text: string): readonly string[] => text.match(/.{1,20}/gsu) ?? ['']

/** Delays a step by so many milliseconds. */
export function after(ms: number, step: Step): Step {
  return async (request, response) => {
    await wait(ms)
    if (!response.destroyed) await step(request, response)
  }
}

/**
 * How a stream ends: complete; with the reason of a limit or of the safety filter; without a reason; with an error
 * instead of an event; with a connection reset; or not at all, until the client disconnects.
 */
export type StreamEnd = 'stop' | 'limit' | 'blocked' | 'unfinished' | 'error' | 'cut' | 'hang'

/** Format of an event in a stream. */
export type EventForm = (json: string, isLast: boolean) => string

const AS_GOOGLE: EventForm = (json) => `data: ${json}\r\n\r\n`
/** The format of some gateways: additional fields and comments, an end marker, no final blank line. */
export const AS_GATEWAY: EventForm = (json, isLast) =>
  `: keep-alive\n\nid: 1\nretry: 3000\nevent: message\ndata: ${json}\n\n${isLast ? 'data: [DONE]' : ''}`

const FINISH: Partial<Record<StreamEnd, string>> = { stop: 'STOP', limit: 'MAX_TOKENS', blocked: 'SAFETY' }

/**
 * Text of the model in these chunks. `after`: delay before the first; `pace`: delay before each further one, and before
 * an abnormal end. `thought` precedes each chunk as a separate part. A request without streaming gets the whole text.
 */
export function stream(
  pieces: readonly string[],
  {
    after: begins = 0,
    pace = () => 0,
    end = 'stop',
    form = AS_GOOGLE,
    thought,
  }: {
    after?: number | Promise<unknown>
    pace?: (piece: number) => number | Promise<unknown>
    end?: StreamEnd
    form?: EventForm
    thought?: string | undefined
  } = {},
): Step {
  const thoughts = thought === undefined ? {} : { thought }
  return async (request, response) => {
    await wait(begins)
    if (!request.streaming) {
      if (end === 'hang') return
      if (end === 'cut') response.socket?.destroy()
      else if (end === 'error') sendJson(response, 503, unavailable().body)
      else sendJson(response, 200, generated(pieces.join(''), FINISH[end], { request, ...thoughts }))
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    let said = ''
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await wait(pace(index))
      if (response.destroyed) return
      said += piece
      const isLast = index === pieces.length - 1
      const event = generated(piece, isLast ? FINISH[end] : undefined, { request, said, ...thoughts })
      response.write(form(JSON.stringify(event), isLast))
    }
    if (end === 'hang') return
    if (end === 'error') response.write(form(JSON.stringify(unavailable().body), true))
    if (end === 'cut') {
      await wait(pace(pieces.length))
      response.socket?.destroy()
    } else response.end()
  }
}

/** JSON in a Markdown fence, as some models write it despite the schema. */
export const fenced = (text: string): string => `\`\`\`json\n${text}\n\`\`\``

/** A 200 with exactly this JSON body. */
export function body(content: unknown): Step {
  return (_request, response) => sendJson(response, 200, content)
}

/** An error of the API. */
export function refuse({ status, body: content }: Refusal): Step {
  return (_request, response) => sendJson(response, status, content)
}

export function rateLimited(retrySeconds = 12): Step {
  const retry = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retrySeconds}s` }
  return refuse(refusal(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota.', [retry]))
}

/** The daily quota is used up; the returned wait is that of the minute. */
export function dailyQuota(): Step {
  const quota = {
    '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
    violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }],
  }
  const retry = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '12s' }
  return refuse(refusal(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota.', [quota, retry]))
}

export function regionRefused(): Step {
  return refuse(regionRefusal())
}

/** A request setting that the model refuses. */
export function settingRefused(message = 'Request contains an invalid argument.'): Step {
  return refuse(refusal(400, 'INVALID_ARGUMENT', message))
}

const unavailable = (status = 503) =>
  refusal(status, 'UNAVAILABLE', 'The model is overloaded. Please try again later.')

export function overloaded(status: 500 | 502 | 503 | 504 = 503): Step {
  return refuse(unavailable(status))
}

export function modelNotFound(): Step {
  return (request, response) => refuse(modelRefusal(request.model))(request, response)
}

/** Quotes the key in its message, as a proxy may. */
export function keyRefused(status: 400 | 401 | 403 = 400): Step {
  if (status === 400) return refuse(keyRefusal())
  return (request, response) => {
    const message = `key ${String(request.headers['x-goog-api-key'])} has no access`
    return refuse(refusal(status, 'PERMISSION_DENIED', message))(request, response)
  }
}

/** JSON truncated at the output limit. */
export function cut(): Step {
  return body(generated(JSON.stringify(HAPPY).slice(0, 60), 'MAX_TOKENS'))
}

/** All output tokens were used for thinking. */
export function thoughtOnly(): Step {
  return body({
    candidates: [{ content: { role: 'model' }, finishReason: 'MAX_TOKENS', index: 0 }],
    usageMetadata: { promptTokenCount: 700, thoughtsTokenCount: 512, totalTokenCount: 1212 },
  })
}

/** An answer withheld by the safety filter. */
export function blocked(finishReason = 'SAFETY'): Step {
  return body({ candidates: [{ finishReason, index: 0 }] })
}

export function promptBlocked(): Step {
  return body({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } })
}

export function noCandidates(): Step {
  return body({ candidates: [] })
}

export function wrongLabel(): Step {
  return answer({ ...HAPPY, emotion: 'melancholy' })
}

/** A captive portal or proxy page. */
export function html(status = 200): Step {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>')
  }
}

export function hangBeforeHeaders(): Step {
  return () => undefined
}

export function hangMidBody(status = 200): Step {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.write(JSON.stringify(generated(JSON.stringify(HAPPY), 'STOP')).slice(0, 50))
  }
}

/** The TCP connection is reset before the response. */
export function reset(): Step {
  return (_request, response) => {
    response.socket?.resetAndDestroy()
  }
}

/** The connection ends after half of the body. */
export function breakOff(): Step {
  return (_request, response) => {
    const text = JSON.stringify(generated(JSON.stringify(HAPPY), 'STOP'))
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length })
    response.write(text.slice(0, 50), () => response.socket?.destroy())
  }
}

/** A complete answer, `size` characters every `everyMs` milliseconds. */
export function drip({ size = 1, everyMs = 5 } = {}): Step {
  return async (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const text = JSON.stringify(generated(JSON.stringify(HAPPY), 'STOP'))
    for (let sent = 0; sent < text.length && !response.destroyed; sent += size) {
      response.write(text.slice(sent, sent + size))
      await sleep(everyMs)
    }
    response.end()
  }
}

export function sendJson(response: ServerResponse, status: number, content: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=UTF-8' })
    .end(JSON.stringify(content))
}
