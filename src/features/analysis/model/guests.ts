import type { ModelFailure } from '../analyser.ts'
import { failureOfError } from './gemini-failure.ts'
import { judge, type Model } from './model-state.ts'
import { costOf, type Price } from './prices.ts'
import type { Shares } from './shares.ts'
import type { Spending } from './usage.ts'

/** How a request of another room has ended; `called_off` on its way, `not_made` before it was sent. */
export type GuestEnding = {
  readonly outcome: 'answered' | 'failed' | 'timed_out' | 'called_off' | 'not_made'
  /** What was thrown, of a failure. */
  readonly error?: unknown
  /** As the API counted them; null when it did not say. */
  readonly tokens: { readonly prompt: number; readonly answer: number } | null
}

/** Leave for one request, to be told once how it ended; undefined: it may not be made now. */
export type AdmitGuest = (
  model: string,
  tokens: number,
  /** The user whose request it is; undefined: not counted against a share. */
  caller?: number,
) => Promise<((ending: GuestEnding) => void) | undefined>

type Dependencies = {
  readonly models: readonly Model[]
  readonly isSpent: () => boolean
  readonly priceOf: (model: string) => Price | undefined
  readonly onSpent: (model: string, spent: Spending) => void
  readonly onEnded: (model: string, outcome: 'answered' | ModelFailure) => void
  /** What one user may take of the models; undefined: as much as there is. */
  readonly shares?: Shares
}

/**
 * Other rooms ask the same models: their requests stand under the same circuits, allowances and money of the day, and
 * are on the same bill.
 */
export function createGuests({
  models,
  isSpent,
  priceOf,
  onSpent,
  onEnded,
  shares,
}: Dependencies): AdmitGuest {
  /** Nobody tells what a request took that was cut off: the prompt at least. */
  const takenBy = ({ outcome, tokens }: GuestEnding, estimate: number) =>
    tokens ?? (outcome === 'failed' ? null : { prompt: estimate, answer: 0 })

  const pay = (model: string, taken: GuestEnding['tokens'], caller: number | undefined) => {
    const { prompt, answer } = taken ?? { prompt: 0, answer: 0 }
    const costMicroUsd = taken === null ? 0 : costOf(priceOf(model), prompt, answer)
    onSpent(model, { requests: 1, promptTokens: prompt, answerTokens: answer, costMicroUsd })
    if (caller !== undefined) shares?.spend(caller, costMicroUsd ?? 0)
  }

  return async (name, tokens, caller) => {
    const model = models.find((known) => known.name === name)
    if (model === undefined || isSpent()) return undefined
    if (caller !== undefined && shares?.take(caller, tokens) === false) return undefined
    const permit = await model.admit(tokens)
    if (typeof permit === 'string') return undefined
    return (ending) => {
      if (ending.outcome === 'not_made') {
        permit.calledOff()
        return
      }
      pay(name, takenBy(ending, tokens), caller)
      const outcome = outcomeOf(ending, model)
      onEnded(name, outcome)
      judge(permit, outcome)
    }
  }
}

function outcomeOf({ outcome, error }: GuestEnding, model: Model): 'answered' | ModelFailure {
  if (outcome === 'answered') model.answered()
  if (outcome === 'answered' || outcome === 'timed_out') return outcome
  if (outcome !== 'failed') return 'aborted'
  const failure = failureOfError(error)
  model.failed(failure)
  return failure.reason
}
