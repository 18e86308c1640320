/** US dollars for a million tokens; the same numbers are millionths of a dollar for one token. */
export type Price = { readonly prompt: number; readonly answer: number }

/** Estimated cost in millionths of a US dollar; null for a model without a price. */
export const costOf = (
  price: Price | undefined,
  promptTokens: number,
  answerTokens: number,
): number | null =>
  price === undefined ? null : Math.round(promptTokens * price.prompt + answerTokens * price.answer)
