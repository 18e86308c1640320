import { isRecord, type RecordedRequest } from './protocol.ts'
import { HAPPY } from './steps.ts'

const SPOKEN = 'I hear you. What would help you most right now?'

/**
 * A plausible answer to the request. For the schema of an emotion analysis: the local scores of the prompt, slightly
 * sharpened. For another schema: the smallest valid value. Else a sentence.
 */
export function reply(request: RecordedRequest): string {
  const config = isRecord(request.body) ? request.body['generationConfig'] : undefined
  const schema = isRecord(config) ? config['responseSchema'] : undefined
  if (!isRecord(schema)) return SPOKEN
  const { properties } = schema
  const wanted = isRecord(properties) && 'scores' in properties ? reading(request) : smallest(schema)
  return JSON.stringify(wanted)
}

/** Sharpens the scores and scales them to a sum of 1. */
function reading({ body }: RecordedRequest): object {
  const stated = /local: ([a-z]+ [\d.]+(?: [a-z]+ [\d.]+)*)/.exec(JSON.stringify(body))?.[1]
  const pairs = [...(stated ?? '').matchAll(/([a-z]+) ([\d.]+)/g)]
  const labels = Object.keys(HAPPY.scores)
  const shares = labels.map((label) => Number(pairs.find(([, name]) => name === label)?.[2] ?? 0) ** 1.2)
  const sum = shares.reduce((total, share) => total + share, 0)
  if (sum === 0) return HAPPY
  const scores = shares.map((share) => Math.round((share / sum) * 100) / 100)
  const best = Math.max(...scores)
  return {
    ...HAPPY,
    emotion: labels[scores.indexOf(best)],
    confidence: best,
    scores: Object.fromEntries(labels.map((label, k) => [label, scores[k]])),
  }
}

function smallest(schema: unknown): unknown {
  if (!isRecord(schema)) return null
  const { type, properties, items, minItems } = schema
  const { enum: choices } = schema
  switch (String(type).toLowerCase()) {
    case 'object':
      if (!isRecord(properties)) return {}
      return Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, smallest(inner)]))
    case 'array':
      return new Array(Number(minItems ?? 0)).fill(smallest(items))
    case 'string':
      return Array.isArray(choices) ? (choices[0] as unknown) : 'text'
    case 'boolean':
      return false
    default:
      return 0
  }
}
