import type { Asked } from '../analyser.ts'
import type { Reply } from './gemini.ts'
import { costOf, type Price } from './prices.ts'
import type { Spending } from './usage.ts'

/** What one request is to be paid: as counted, or the estimated prompt for one that was cut off on its way; null for none. */
export function paid(reply: Reply, estimate: number): { promptTokens: number; answerTokens: number } | null {
  const { promptTokens, answerTokens } = reply
  if (promptTokens !== null && answerTokens !== null) return { promptTokens, answerTokens }
  const cutOff = reply.outcome === 'failed' && reply.reason === 'aborted'
  return cutOff || reply.outcome === 'answered' ? { promptTokens: estimate, answerTokens: 0 } : null
}

/** Adds up what the requests of one window cost. */
export function openTally(promptHash: string, onSpent: (model: string, spent: Spending) => void) {
  let prompt: number | null = null
  let answer: number | null = null
  let cost: number | null = null
  let requests = 0
  return {
    add(model: string, price: Price | undefined, reply: Reply, estimate: number): void {
      requests++
      const tokens = paid(reply, estimate)
      const { promptTokens, answerTokens } = tokens ?? { promptTokens: 0, answerTokens: 0 }
      const micro = tokens === null ? null : costOf(price, promptTokens, answerTokens)
      onSpent(model, { requests: 1, promptTokens, answerTokens, costMicroUsd: tokens === null ? 0 : micro })
      if (tokens === null) return
      prompt = (prompt ?? 0) + promptTokens
      answer = (answer ?? 0) + answerTokens
      if (micro !== null) cost = (cost ?? 0) + micro
    },
    /** Null when nothing was asked. */
    asked: (): Asked | null =>
      requests === 0 ? null : { promptHash, promptTokens: prompt, answerTokens: answer, costMicroUsd: cost },
  }
}

export type Tally = ReturnType<typeof openTally>
