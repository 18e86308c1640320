import type { GenerateContentResponse } from '@google/generative-ai'

/** A part as the API sends it; the types of the SDK do not know `thought`. */
type Part = { readonly text?: string; readonly thought?: boolean }

/**
 * The text of an answer, or of one piece of it, without what the model thought. The SDK's own `text()` writes to the
 * console when it is surprised, and repeats the last piece of a stream.
 */
export function textOf({ candidates }: Pick<GenerateContentResponse, 'candidates'>): string {
  const content = candidates?.[0]?.content // a candidate that was blocked or cut off may come without
  const parts: readonly Part[] = content?.parts ?? []
  return parts.map(({ text, thought }) => (thought === true ? '' : (text ?? ''))).join('')
}

/** The API knows more reasons than the SDK's enum. */
export const finishReasonOf = ({
  candidates,
}: Pick<GenerateContentResponse, 'candidates'>): string | undefined => candidates?.[0]?.finishReason

/** Whether output tokens went into thinking. */
export const hasThought = ({ usageMetadata }: Pick<GenerateContentResponse, 'usageMetadata'>): boolean =>
  usageMetadata !== undefined &&
  'thoughtsTokenCount' in usageMetadata &&
  Number(usageMetadata.thoughtsTokenCount) > 0

const FENCED = /^\s*```(?:json)?\s*\n([^]*?)\n?\s*```\s*$/i

/** The JSON of an answer, which some models put into a fence of Markdown. */
export const withoutFence = (text: string): string => FENCED.exec(text)?.[1] ?? text

/** The end of a sentence, with the quotes and brackets that belong to it; Korean ends sentences as English does. */
const SENTENCE_END = /[.!?…。！？][)\]"'”’»]*(?=\s|$)/g

/** What stands before a limit cut an answer off, up to the end of its last whole sentence; empty when there is none. */
export function wholeSentences(text: string): string {
  const last = [...text.matchAll(SENTENCE_END)].at(-1)
  return last === undefined ? '' : text.slice(0, last.index + last[0].length)
}
