import type { Config } from '../../../config.ts'
import type { Orm } from '../../../db/orm.ts'
import { within } from '../../../lib/deadline.ts'
import type { Metrics } from '../../../plugins/metrics.ts'
import { createAllowance } from './allowance.ts'
import { createGeminiAnalyser } from './gemini-analyser.ts'
import type { ModelState } from './model-state.ts'
import { modelRepository as repository } from './repository.ts'
import { createShares } from './shares.ts'
import { createUsage } from './usage.ts'

const SETTLE_MS = 5000
const CLOSE_MS = 500

type Surroundings = {
  readonly config: Config['analysis']
  readonly orm: Orm
  readonly metrics: Metrics
  readonly log: { warn(about: object, text: string): void }
}

/** One line for each model, and one for the budget, for whoever asks whether all is well. */
const describe = ({ model, state, rejected }: ModelState): string => {
  const troubles = [
    ...(state === 'closed' ? [] : [state]),
    ...(rejected === null ? [] : [`rejected (${rejected})`]),
  ]
  return troubles.length === 0 ? model : `${model}: ${troubles.join(', ')}`
}

/** Gemini as it is configured, with its bill in the database; null when there is no key. */
export function openModel({ config, orm, metrics, log }: Surroundings) {
  const { gemini } = config
  if (gemini === null) return null
  const prices = new Map(gemini.prices)
  const usage = createUsage({
    add: (id, rows) => repository.addUsage(orm, id, rows),
    findCost: (day) => repository.findCostOfDay(orm, day),
    dailyBudgetMicroUsd: gemini.dailyBudgetMicroUsd,
    clock: Date.now,
    onFailed: (error) => log.warn({ err: error }, 'the bill of the models waits for the database'),
  })
  const analyser = createGeminiAnalyser({
    apiKey: gemini.apiKey,
    models: gemini.models,
    baseUrl: gemini.baseUrl,
    timeoutMs: gemini.timeoutMs,
    thinking: gemini.thinking,
    priceOf: (model) => prices.get(model),
    isSpent: usage.isSpent,
    shares: createShares({ ...gemini, clock: Date.now }),
    allowanceOf: (model) =>
      createAllowance({
        model,
        perMinute: gemini.perMinute,
        draw: (slices) => repository.drawSlices(orm, slices),
        now: () => performance.now(),
        onApart: (error) => log.warn({ err: error, model }, 'the allowance of a model is not shared for now'),
      }),
    onSpent: (model, spent) => {
      usage.record(model, spent)
      metrics.modelTokens.labels(model, 'prompt').inc(spent.promptTokens)
      metrics.modelTokens.labels(model, 'answer').inc(spent.answerTokens)
      if (spent.costMicroUsd !== null) metrics.modelCost.labels(model).inc(spent.costMicroUsd / 1e6)
    },
    onRequest: (model, outcome, isHedge) =>
      metrics.modelRequests.labels(model, outcome, isHedge ? 'hedge' : 'first').inc(),
    onGuest: (model, outcome) => metrics.modelRequests.labels(model, outcome, 'conversation').inc(),
    onRefused: (model, detail) => log.warn({ model, detail }, 'a model refuses our requests'),
    onCompared: (model, agrees) => metrics.modelAgreement.labels(model, agrees ? 'yes' : 'no').inc(),
  })
  const settling = setInterval(() => void usage.settle(), SETTLE_MS).unref()
  return {
    analyser,
    /** Reads what has been spent today already, as far as the database can be asked. */
    ready: () => {
      repository
        .deleteOldSettlements(orm)
        .catch((error: unknown) => log.warn({ err: error }, 'old settlements of the bill are still there'))
      return within(usage.settle(), CLOSE_MS)
    },
    describe: (): string[] => [
      ...analyser.states().map(describe),
      ...(usage.isSpent() ? ['the budget of the day is spent: windows are answered locally'] : []),
    ],
    /** Writes what is not written of the bill, for half a second at most. */
    async close(): Promise<void> {
      clearInterval(settling)
      await within(usage.settle(), CLOSE_MS)
    },
  }
}
