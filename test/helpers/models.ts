import type { Test } from 'tap'
import type { AnalysisInput, ModelAnswer, ModelFailure } from '../../src/live/model/analyser.ts'
import { createGeminiAnalyser, type GeminiAnalyserOptions } from '../../src/live/model/gemini-analyser.ts'
import type { CallFailure } from '../../src/models/failure.ts'
import type { CallKind, Model, ModelDependencies } from '../../src/models/model.ts'
import { createModels, UNMETERED } from '../../src/models/models.ts'
import type { Spending } from '../../src/models/usage.ts'
import { analysisInput } from './analysis-input.ts'
import { createGeminiDouble, DOUBLE_KEY, type Script } from './gemini-double.ts'

export const MODEL = 'gemini-3.5-flash-lite'

type ModelChanges = Partial<ModelDependencies> & {
  readonly apiKey?: string
  /** In their order; one of them unless set. */
  readonly names?: readonly string[]
}

/** Models that ask a double, without quota and budget unless set. */
export const createTestModels = (
  baseUrl: string,
  { apiKey = DOUBLE_KEY, names = [MODEL], ...dependencies }: ModelChanges = {},
): readonly Model[] => createModels({ apiKey, baseUrl, models: names }, { ...UNMETERED, ...dependencies })

type AnalyserChanges = ModelChanges &
  Partial<Pick<GeminiAnalyserOptions, 'timeoutMs' | 'slots' | 'queue'>> & { readonly input?: AnalysisInput }

export type Call = {
  readonly model: string
  readonly outcome: 'answered' | CallFailure
  readonly kind: CallKind
}

/** An analyser of windows that asks a double which plays `script`, and what it has reported. No jitter unless set. */
export async function createTestAnalyser(t: Test, script: Script, changes: AnalyserChanges = {}) {
  const { timeoutMs = 10_000, slots, queue, input = analysisInput(), ...others } = changes
  const { now = UNMETERED.now, random = () => 0 } = changes
  const double = await createGeminiDouble(t, script)
  const calls: Call[] = []
  const spent: Spending[] = []
  const compared: boolean[] = []
  const models = createTestModels(double.baseUrl, {
    onCall: (model, outcome, kind) => void calls.push({ model, outcome, kind }),
    onSpent: (_model, spending) => void spent.push(spending),
    ...others,
    ...{ now, random },
  })
  const analyser = createGeminiAnalyser({
    ...{ models, timeoutMs, now, random },
    ...(slots !== undefined && { slots }),
    ...(queue !== undefined && { queue }),
    onCompared: (_model, agrees) => void compared.push(agrees),
  })
  const caller = new AbortController()
  const analyse = (deadlineMs = 5000, signal = caller.signal) => analyser.analyse(input, signal, deadlineMs)
  const states = () => models.map((model) => model.state())
  return { double, analyser, analyse, caller, calls, spent, compared, states }
}

/** A failure of this name, whose detail holds nothing of what was asked or answered. */
export function isFailure(t: Test, answer: ModelAnswer, reason: ModelFailure, detail?: RegExp): void {
  t.match(answer, { outcome: 'failed', reason, ...(detail && { detail }) })
  if (answer.outcome !== 'failed') return
  t.ok(answer.detail.length < 80, 'detail is short')
  t.notMatch(answer.detail, /AIza|비밀|melancholy|frames 38/, 'detail holds no key, prompt or answer')
}
