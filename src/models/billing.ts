import { Buffer } from 'node:buffer'
import type { GenerateContentResponse } from '@google/generative-ai'
import type { GeminiRequest } from './gemini-client.ts'

/** US dollars per million tokens, or millionths of a dollar per token. */
export type Price = { readonly prompt: number; readonly answer: number }

export type Tokens = { readonly prompt: number; readonly answer: number }

/** The bill of one call. */
export type Bill = Tokens & {
  /** Estimated, in millionths of a US dollar; null for a model without a price. */
  readonly costMicroUsd: number | null
}

export const billFor = (tokens: Tokens, price: Price | undefined): Bill => ({
  ...tokens,
  costMicroUsd:
    price === undefined ? null : Math.round(tokens.prompt * price.prompt + tokens.answer * price.answer),
})

/** Larger counts are an error of the API and must not use up the daily budget. */
const MAX_COUNTED_TOKENS = 1_000_000

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MAX_COUNTED_TOKENS

/**
 * The tokens that the API has counted so far; undefined without a count. Thinking is billed as output, so output is
 * total minus prompt.
 */
export function countedTokens({ usageMetadata }: GenerateContentResponse): Tokens | undefined {
  const { promptTokenCount: prompt, totalTokenCount: total } = usageMetadata ?? {}
  return isCount(prompt) && isCount(total) && total >= prompt ? { prompt, answer: total - prompt } : undefined
}

/** One token per 3 bytes of text and per 128 bytes of audio: an upper bound for both. */
const TEXT_BYTES = 3
const SOUND_BYTES = 128
const BASE64_BYTES = 3 / 4

/** Upper bound of the tokens of a request. */
export function estimateTokens({ system, contents, schema }: GeminiRequest): number {
  const parts = contents.flatMap((content) => content.parts)
  const texts = [
    system,
    schema === undefined ? '' : JSON.stringify(schema),
    ...parts.map(({ text }) => text ?? ''),
  ]
  const textBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const soundBytes =
    parts.reduce((sum, { inlineData }) => sum + (inlineData?.data.length ?? 0), 0) * BASE64_BYTES
  return Math.ceil(textBytes / TEXT_BYTES + soundBytes / SOUND_BYTES)
}
