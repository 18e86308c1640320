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

/** What the double does with one request. A step that never ends the response hangs until the client goes. */
export type Step = (request: RecordedRequest, response: ServerResponse) => void | Promise<void>

/** A plausible reading, as the model would write it. */
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

/** Text from the model, whole or as a stream of pieces; `after` milliseconds, or when a promise settles. */
export function answer(
  content: string | object = HAPPY,
  { after = 0 }: { after?: number | Promise<unknown> } = {},
): Step {
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  return stream(pieces(text), { after })
}

/** Up to twenty characters each, never half of one. */
export const pieces = (text: string): readonly string[] => text.match(/.{1,20}/gsu) ?? ['']

/** The same, so many milliseconds later. */
export function after(ms: number, step: Step): Step {
  return async (request, response) => {
    await wait(ms)
    if (!response.destroyed) await step(request, response)
  }
}

/**
 * How a stream ends: well; with the reason of a limit or of the safety filter; without a reason; with an error in place
 * of an event; with the connection torn down; or not at all, until the client goes.
 */
export type StreamEnd = 'stop' | 'limit' | 'blocked' | 'unfinished' | 'error' | 'cut' | 'hang'

/** How an event is written to a stream. */
export type EventForm = (json: string, isLast: boolean) => string

const AS_GOOGLE: EventForm = (json) => `data: ${json}\r\n\r\n`
/** As a gateway may write it: fields and comments of its own, a mark of the end, no blank line after it. */
export const AS_GATEWAY: EventForm = (json, isLast) =>
  `: keep-alive\n\nid: 1\nretry: 3000\nevent: message\ndata: ${json}\n\n${isLast ? 'data: [DONE]' : ''}`

const FINISH: Partial<Record<StreamEnd, string>> = { stop: 'STOP', limit: 'MAX_TOKENS', blocked: 'SAFETY' }

/**
 * Text from the model in these pieces. `after`: before the first; `pace`: before each further one, and before an end
 * that is not a good one. `thought` stands in front of each piece, as a part of its own. To a request that does not stream
 * the text goes whole.
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

/** JSON in a fence of Markdown, as models write that do not keep to the schema's form. */
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

/** The quota of the day is used up; the wait that comes along is that of the minute. */
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

/** A setting of the request that the model does not take. */
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

/** JSON cut in the middle: the output limit was reached. */
export function cut(): Step {
  return body(generated(JSON.stringify(HAPPY).slice(0, 60), 'MAX_TOKENS'))
}

/** The whole output went into thinking. */
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

/** The TCP connection is torn down before any answer. */
export function reset(): Step {
  return (_request, response) => {
    response.socket?.resetAndDestroy()
  }
}

/** The connection ends with half of the body sent. */
export function breakOff(): Step {
  return (_request, response) => {
    const text = JSON.stringify(generated(JSON.stringify(HAPPY), 'STOP'))
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length })
    response.write(text.slice(0, 50), () => response.socket?.destroy())
  }
}

/** A good answer, `size` characters every `everyMs` milliseconds. */
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
