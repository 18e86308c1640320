import t, { type Test } from 'tap'
import { createLanguageModel } from '../../../src/features/conversation/language-model.ts'
import type { CallFailure } from '../../../src/models/failure.ts'
import { createGeminiDouble, type Script } from '../../helpers/gemini-double.ts'
import * as steps from '../../helpers/gemini-steps.ts'
import { type Call, createTestModels } from '../../helpers/models.ts'

const MODELS = ['gemini-a', 'gemini-b']
const TEXT = '많이 지치셨겠어요. 어떤 생각이 드시나요?'
const REQUEST = { system: 's', contents: [{ role: 'user', parts: [{ text: '요즘 잠이 안 와요' }] }] }

async function setUp(t: Test, script: Script, dependencies: Parameters<typeof createTestModels>[1] = {}) {
  const double = await createGeminiDouble(t, script)
  const calls: Call[] = []
  const tokens: number[] = []
  const models = createTestModels(double.baseUrl, {
    names: MODELS,
    onCall: (model, outcome, kind) => void calls.push({ model, outcome, kind }),
    onSpent: (_model, { promptTokens, answerTokens }) => void tokens.push(promptTokens, answerTokens),
    ...dependencies,
  })
  const model = createLanguageModel(models)
  const { signal } = new AbortController()
  const request = { ...REQUEST, maxOutputTokens: 512 }
  const stream = (onText: (text: string) => boolean = () => true, how = signal) =>
    model.stream(request, { signal: how, totalMs: 20_000 }, onText)
  const ask = () => model.ask(request, { signal, totalMs: 20_000, userId: 7 })
  return { double, calls, tokens, stream, ask }
}

t.test('each request is counted, with its tokens and its outcome', async (t) => {
  const script = [
    steps.answer(TEXT),
    steps.overloaded(),
    steps.answer(TEXT),
    steps.stream(['네, '], { end: 'hang' }),
  ]
  const { calls, tokens, stream } = await setUp(t, script)
  t.match(await stream(), { outcome: 'complete', text: TEXT, model: 'gemini-a' })
  t.match(await stream(), { outcome: 'complete', model: 'gemini-b' })
  const leaving = new AbortController()
  const left = await stream(() => (leaving.abort(), true), leaving.signal)
  t.match(left, { outcome: 'failed', reason: 'aborted', hasStarted: true })
  t.same(calls, [
    { model: 'gemini-a', outcome: 'answered', kind: 'conversation' },
    { model: 'gemini-a', outcome: 'overloaded', kind: 'conversation' },
    { model: 'gemini-b', outcome: 'answered', kind: 'conversation' },
    { model: 'gemini-a', outcome: 'aborted', kind: 'conversation' },
  ])
  const [prompt, answer, ...others] = tokens
  t.ok(Number(prompt) > 0 && Number(answer) > 0)
  t.same(others.slice(0, 2), [0, 0], 'a refused request is free')
  t.ok(Number(others.at(-2)) > 0, 'an aborted request is not free')
})

t.test('a request that is not admitted is not sent, and returns the reason', async (t) => {
  const denied: Record<string, [CallFailure, Parameters<typeof createTestModels>[1]]> = {
    'the daily budget is spent': ['budget_spent', { isBudgetSpent: () => true }],
    "the user's share is used up": [
      'over_allowance',
      { shares: { take: () => false, spend: () => undefined } },
    ],
    'the allowance of the minute is used up': [
      'over_allowance',
      { allowanceOf: () => ({ take: async () => false }) },
    ],
  }
  for (const [name, [reason, dependencies]] of Object.entries(denied)) {
    const { double, calls, ask } = await setUp(t, [steps.answer(TEXT)], dependencies)
    t.match(await ask(), { outcome: 'failed', reason, hasStarted: false }, name)
    t.equal(double.requests.length, 0, name)
    t.same(calls, [], name)
  }
})

t.test('a request of a user counts against the share of this user', async (t) => {
  const taken: number[] = []
  const spent: number[] = []
  const shares = {
    take: (userId: number) => taken.push(userId) > 0,
    spend: (_userId: number, microUsd: number) => void spent.push(microUsd),
  }
  const { ask } = await setUp(t, [steps.answer(TEXT)], { shares, priceOf: () => ({ prompt: 1, answer: 1 }) })
  t.match(await ask(), { outcome: 'complete' })
  t.same(taken, [7])
  t.ok(Number(spent[0]) > 0)
})

t.test('the connection is closed when the caller aborts', async (t) => {
  const { double, stream } = await setUp(t, [steps.stream(['네, ', '그래요.'], { end: 'hang' })])
  t.match(await stream(() => false), { outcome: 'failed', reason: 'aborted' })
  await double.connectionClosed()
  t.equal(double.requests.length, 1, 'no other model is called')
})

t.test('an answer beyond the maximum length is aborted', async (t) => {
  const { stream } = await setUp(t, [steps.stream(Array.from({ length: 30 }, () => '가'.repeat(1000)))])
  t.match(await stream(), { outcome: 'failed', reason: 'malformed', detail: /too long/, hasStarted: true })
})
