import type { Config } from '../config/config.ts'
import type { Outages } from '../db/outages.ts'
import type { Orm } from '../db/orm.ts'
import { within } from '../lib/deadline.ts'
import type { Metrics } from '../http/metrics.ts'
import { createAllowance } from './allowance.ts'
import type { Price } from './billing.ts'
import { createGeminiClient, type GeminiAccess } from './gemini-client.ts'
import { createModel, type Model, type ModelDependencies } from './model.ts'
import type { ModelState } from './model-state.ts'
import { modelRepository as repository } from './repository.ts'
import { createShares } from './shares.ts'
import { createUsage, type Usage } from './usage.ts'

const SETTLE_TIMEOUT_MS = 500

/** The models with these names, in order of preference, with one client. */
export function createModels(
  { models, ...access }: GeminiAccess & { readonly models: readonly string[] },
  dependencies: Omit<ModelDependencies, 'client'>,
): readonly Model[] {
  const client = createGeminiClient(access)
  return models.map((name) => createModel(name, { ...dependencies, client }))
}

type Prices = readonly (readonly [model: string, price: Price])[]

export const priceList = (prices: Prices): ((model: string) => Price | undefined) => {
  const byModel = new Map(prices)
  return (model) => byModel.get(model)
}

const ignore = () => undefined

/** For command-line tools: no quota, no budget, no metrics. */
export const UNMETERED = {
  allowanceOf: () => ({ take: async () => true }),
  shares: { take: () => true, spend: ignore },
  priceOf: ignore,
  isBudgetSpent: () => false,
  onSpent: ignore,
  onCall: ignore,
  onRefused: ignore,
  now: () => performance.now(),
  random: Math.random,
} satisfies Omit<ModelDependencies, 'client'>

type Dependencies = {
  readonly config: Config['analysis']
  readonly orm: Orm
  readonly metrics: Metrics
  readonly log: { warn(about: object, text: string): void }
  readonly outages: Pick<Outages, 'report'>
}

export type Models = {
  /** In order of preference; null without a key. */
  readonly gemini: readonly Model[] | null
  /** The state of each model and of the budget, one line each. */
  readonly describe: () => string[]
  /** Writes unwritten usage and reads the cost of all instances; takes half a second at most. */
  readonly settle: () => Promise<void>
}

/** The configured models, with the quota and the budget that all instances share in the database. */
export function openModels({ config, orm, metrics, log, outages }: Dependencies): Models {
  const { gemini: settings } = config
  if (settings === null) return { gemini: null, describe: () => ['local'], settle: async () => undefined }
  const usage = createUsage({
    add: (id, rows) => repository.addUsage(orm, id, rows),
    findCost: (day) => repository.findCostOfDay(orm, day),
    dailyBudgetMicroUsd: settings.dailyBudgetMicroUsd,
    clock: Date.now,
    onFailed: (error) => outages.report(error, 'the bill of the models waits for the database'),
  })
  const gemini = createModels(settings, {
    ...meter(metrics, usage),
    priceOf: priceList(settings.prices),
    shares: createShares({ ...settings, clock: Date.now }),
    allowanceOf: (model) =>
      createAllowance({
        model,
        perMinute: settings.perMinute,
        draw: (slices) => repository.drawSlices(orm, slices),
        now: () => performance.now(),
        onUnshared: (error) =>
          outages.report(error, 'the allowance of a model is not shared for now', { model }),
      }),
    onRefused: (model, detail) => log.warn({ model, detail }, 'a model refuses our requests'),
    now: () => performance.now(),
    random: Math.random,
  })
  repository
    .deleteOldSettlements(orm)
    .catch((error: unknown) => outages.report(error, 'old settlements of the bill could not be deleted'))
  return {
    gemini,
    describe: () => [
      ...gemini.map((model) => describe(model.state())),
      ...(usage.isSpent() ? ['the budget of the day is spent: windows are answered locally'] : []),
    ],
    settle: async () => {
      await within(usage.settle(), SETTLE_TIMEOUT_MS)
    },
  }
}

/** Records each call in the bill and the metrics. */
const meter = (metrics: Metrics, usage: Usage) =>
  ({
    isBudgetSpent: usage.isSpent,
    onSpent: (model, spent) => {
      usage.record(model, spent)
      metrics.modelTokens.labels(model, 'prompt').inc(spent.promptTokens)
      metrics.modelTokens.labels(model, 'answer').inc(spent.answerTokens)
      if (spent.costMicroUsd !== null) metrics.modelCost.labels(model).inc(spent.costMicroUsd / 1e6)
    },
    onCall: (model, outcome, kind) => metrics.modelRequests.labels(model, outcome, kind).inc(),
  }) satisfies Partial<ModelDependencies>

function describe({ model, state, rejected }: ModelState): string {
  const troubles = [
    ...(state === 'closed' ? [] : [state]),
    ...(rejected === null ? [] : [`rejected (${rejected})`]),
  ]
  return troubles.length === 0 ? model : `${model}: ${troubles.join(', ')}`
}
