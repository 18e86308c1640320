import type { Config } from '../config/config.ts'
import type { Environment } from '../config/environment.ts'
import type { VariableName } from '../config/variables.ts'
import { createAbort } from '../models/abort.ts'
import type { Failure } from '../models/failure.ts'
import type { GeminiRequest } from '../models/gemini-client.ts'
import type { Model } from '../models/model.ts'
import { createModels, UNMETERED } from '../models/models.ts'
import type { Check, Result } from './checks.ts'
import type { Report } from './report.ts'

const MAX_WAIT_MS = 10_000
/** A key, a list or an address that is not valid: there is nothing to ask, or another model would be asked. */
const REQUIRED: readonly VariableName[] = ['GEMINI_API_KEY', 'GEMINI_MODELS', 'GEMINI_BASE_URL']

const QUESTION: GeminiRequest = {
  system: 'Answer with the single word ok.',
  contents: [{ role: 'user', parts: [{ text: 'ok' }] }],
  maxOutputTokens: 16,
}

type Subject = {
  readonly settings: Environment
  readonly config: Config
  readonly invalid: ReadonlySet<VariableName>
  readonly report: Report
}

/** The key, one request to each model, and the prices. */
export function modelChecks({ settings, config, invalid, report }: Subject): Check[] {
  const { gemini, deadlineMs } = config.analysis
  const unusable = REQUIRED.find((name) => invalid.has(name))
  if (unusable !== undefined)
    return [{ name: 'model.key', run: () => report.skipped('skipped.setting', { name: unusable }) }]
  if (gemini === null) return [{ name: 'model.key', run: () => report.ok('model.local') }]
  const relaxed = new Set<string>()
  const models = createModels({ ...gemini, onRelaxed: (model) => relaxed.add(model) }, UNMETERED)
  const timeoutMs = Math.min(gemini.timeoutMs, MAX_WAIT_MS)
  return [
    { name: 'model.key', run: () => report.ok('model.key') },
    ...models.map((model) => ({
      name: `model ${model.name}`,
      deadlineMs: MAX_WAIT_MS + 1000,
      run: async (signal: AbortSignal): Promise<Result> => {
        const answered = await ask(model, timeoutMs, signal)
        if ('failure' in answered) return describeFailure(model.name, answered, report)
        const values = { ms: answered.ms, deadline: deadlineMs, model: model.name }
        if (relaxed.has(model.name)) return report.warn('model.relaxed', values)
        return answered.ms > deadlineMs ? report.warn('model.slow', values) : report.ok('model.ok', values)
      },
    })),
    { name: 'model.prices', run: () => checkPrices({ settings, config, report }) },
  ]
}

type Answered = { readonly ms: number } | { readonly ms: number; readonly failure: Failure }

/** Asks a model once. A truncated answer is one: the limit may be used up by thinking. */
async function ask(model: Model, timeoutMs: number, signal: AbortSignal): Promise<Answered> {
  const startedAt = performance.now()
  const elapsedMs = () => Math.round(performance.now() - startedAt)
  const call = await model.admit(QUESTION, { kind: 'conversation' })
  if (typeof call === 'string') throw new Error(call)
  const abort = createAbort(signal, timeoutMs)
  try {
    const reply = await call.generate(abort.signal, () => null)
    return reply.outcome === 'answered' ? { ms: elapsedMs() } : { ms: elapsedMs(), failure: reply }
  } finally {
    abort.release()
  }
}

function describeFailure(
  model: string,
  { failure, ms }: { readonly failure: Failure; readonly ms: number },
  report: Report,
): Result {
  const { reason, detail } = failure
  const values = { model, detail, ms }
  switch (reason) {
    case 'key_refused':
      return report.fail('model.keyRefused', values)
    case 'model_not_found':
      return report.fail('model.notFound', values)
    case 'rejected':
      return detail.includes('region')
        ? report.fail('model.region', values)
        : report.fail('model.rejected', values)
    case 'unreachable':
      return report.fail('model.unreachable', values)
    case 'rate_limited':
      return report.warn('model.quota', values)
    case 'overloaded':
      return report.warn('model.overloaded', values)
    case 'timed_out':
      return report.warn('model.timedOut', values)
    default:
      return report.warn('model.unusable', { ...values, detail: `${reason}: ${detail}` })
  }
}

/** The budget needs a price for each model; without a budget only the cost is unknown. */
function checkPrices({ settings, config, report }: Omit<Subject, 'invalid'>): Result {
  const { gemini } = config.analysis
  const priced = new Set(gemini?.prices.map(([model]) => model))
  const models = (gemini?.models ?? []).filter((model) => !priced.has(model)).join(', ')
  if (models === '') return report.ok('prices.ok')
  return settings['GEMINI_DAILY_BUDGET_USD']
    ? report.fail('prices.budget', { models })
    : report.ok('prices.unknown', { models })
}
