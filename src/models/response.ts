import type { GenerateContentResponse } from '@google/generative-ai'

/** A part as the API sends it; the types of the SDK lack `thought`. */
type Part = { readonly text?: string; readonly thought?: boolean }

/**
 * The text of an answer, or of one part of it, without thoughts. The SDK's own `text()` writes warnings to the console
 * and repeats the last part of a stream.
 */
export function textOf({ candidates }: Pick<GenerateContentResponse, 'candidates'>): string {
  const content = candidates?.[0]?.content // missing in a blocked or truncated candidate
  const parts: readonly Part[] = content?.parts ?? []
  return parts.map(({ text, thought }) => (thought === true ? '' : (text ?? ''))).join('')
}

/** A string, because the API has more reasons than the SDK's enum. */
export const finishReasonOf = ({
  candidates,
}: Pick<GenerateContentResponse, 'candidates'>): string | undefined => candidates?.[0]?.finishReason

/** Whether output tokens went into thinking. */
export const hasThought = ({ usageMetadata }: Pick<GenerateContentResponse, 'usageMetadata'>): boolean =>
  usageMetadata !== undefined &&
  'thoughtsTokenCount' in usageMetadata &&
  Number(usageMetadata.thoughtsTokenCount) > 0

const FENCED = /^\s*```(?:json)?\s*\n([^]*?)\n?\s*```\s*$/i

/** Removes the Markdown fence that some models put around JSON. */
export const withoutFence = (text: string): string => FENCED.exec(text)?.[1] ?? text

/** The end of a sentence, with closing quotes and brackets. Korean uses the same marks. */
const SENTENCE_END = /[.!?…。！？][)\]"'”’»]*(?=\s|$)/g

/** The text of a truncated answer up to its last complete sentence; empty when there is none. */
export function wholeSentences(text: string): string {
  const last = [...text.matchAll(SENTENCE_END)].at(-1)
  return last === undefined ? '' : text.slice(0, last.index + last[0].length)
}
