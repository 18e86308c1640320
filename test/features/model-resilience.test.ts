import t, { type Test } from 'tap'
import type { ModelFailure } from '../../src/features/analysis/analyser.ts'
import { createBreaker } from '../../src/features/analysis/model/breaker.ts'
import { createBulkhead } from '../../src/features/analysis/model/bulkhead.ts'
import {
  createGeminiAnalyser,
  type GeminiOptions,
} from '../../src/features/analysis/model/gemini-analyser.ts'
import { createHedging } from '../../src/features/analysis/model/hedging.ts'
import type { Spending } from '../../src/features/analysis/model/usage.ts'
import { analysisInput } from '../helpers/analysis-input.ts'
import { createGeminiDouble, DOUBLE_KEY, type Script } from '../helpers/gemini-double.ts'
import * as steps from '../helpers/gemini-steps.ts'

const INPUT = analysisInput()
const MODEL = 'gemini-3.5-flash-lite'

/** An analyser that asks a double, with all that it tells. Jitter is none unless set. */
async function setUp(t: Test, script: Script, changes: Partial<GeminiOptions> = {}) {
  const double = await createGeminiDouble(t, script)
  const requests: { model: string; outcome: 'answered' | ModelFailure; isHedge: boolean }[] = []
  const spent: Spending[] = []
  const compared: boolean[] = []
  const analyser = createGeminiAnalyser({
    apiKey: DOUBLE_KEY,
    models: [MODEL],
    baseUrl: double.baseUrl,
    timeoutMs: 10_000,
    onRequest: (model, outcome, isHedge) => requests.push({ model, outcome, isHedge }),
    onSpent: (_model, spending) => spent.push(spending),
    onCompared: (_model, agrees) => compared.push(agrees),
    random: () => 0,
    ...changes,
  })
  const caller = new AbortController()
  const analyse = (deadlineMs = 5000, signal = caller.signal) => analyser.analyse(INPUT, signal, deadlineMs)
  const state = () => analyser.states()[0]?.state
  return { double, analyser, analyse, requests, spent, compared, state, caller }
}

t.test('a passing fault is tried again within the deadline', async (t) => {
  for (const fault of [steps.overloaded(), steps.reset(), steps.breakOff()]) {
    const { analyse, requests } = await setUp(t, [fault, fault, steps.answer()])
    t.match(await analyse(), { outcome: 'answered', model: MODEL })
    t.equal(requests.length, 3)
  }
})

t.test('tries are bounded and never begin after the deadline', async (t) => {
  const { analyse, requests } = await setUp(t, [steps.overloaded()])
  t.match(await analyse(), { reason: 'overloaded' })
  t.equal(requests.length, 4)
  const late = await setUp(t, [steps.overloaded()], { random: () => 0.999 })
  t.match(await late.analyse(200), { reason: 'overloaded' }, 'a pause of 250 ms would end too late')
  t.equal(late.requests.length, 1)
  t.match(await late.analyse(0), { reason: /timed_out|busy/, asked: null })
  t.equal(late.requests.length, 1)
})

t.test('a limited model is left alone for as long as it asks, by every session', async (t) => {
  let now = 0
  const { analyse, requests, state } = await setUp(t, [steps.rateLimited(12), steps.answer()], {
    now: () => now,
  })
  t.match(await analyse(9000), { reason: 'rate_limited', detail: 'HTTP 429, retry after 12s' })
  t.equal(state(), 'resting')
  now = 11_999
  t.match(await analyse(0.5), { reason: 'rate_limited', asked: null })
  t.equal(requests.length, 1)
  now = 12_000
  t.match(await analyse(), { outcome: 'answered' })
})

t.test(
  'a model whose quota of the day is used up rests for longer than the minute that it asks for',
  async (t) => {
    let now = 0
    const { analyse, requests, state } = await setUp(t, [steps.dailyQuota(), steps.answer()], {
      now: () => now,
    })
    t.match(await analyse(9000), { reason: 'rate_limited', detail: /quota of the day/ })
    now = 20 * 60_000
    t.equal(state(), 'resting')
    t.match(await analyse(0.5), { reason: 'rate_limited', asked: null })
    t.equal(requests.length, 1)
    now = 60 * 60_000
    t.match(await analyse(), { outcome: 'answered' })
  },
)

t.test('a wait that ends before the deadline is waited for', async (t) => {
  const { analyse, requests } = await setUp(t, [steps.rateLimited(0.05), steps.answer()])
  const answer = await analyse()
  t.match(answer, { outcome: 'answered' })
  t.ok(answer.latencyMs >= 50, `${answer.latencyMs} ms`)
  t.equal(requests.length, 2)
})

t.test('a removed or overloaded model costs no window: the next one answers', async (t) => {
  const models = ['gemini-gone', 'gemini-full', 'gemini-well']
  const script: Script = ({ model }) =>
    model === 'gemini-gone'
      ? steps.modelNotFound()
      : model === 'gemini-full'
        ? steps.overloaded()
        : steps.answer()
  const { analyse, analyser, requests } = await setUp(t, script, { models })
  for (let window = 0; window < 30; window++)
    t.match(await analyse(), { outcome: 'answered', model: 'gemini-well' })
  t.equal(requests.filter(({ model }) => model === 'gemini-gone').length, 1)
  t.equal(requests.filter(({ model }) => model === 'gemini-full').length, 10, 'then its circuit is open')
  t.strictSame(
    analyser.states().map(({ state }) => state),
    ['retired', 'open', 'closed'],
  )
})

t.test('a model that is away is left alone and tried by one call at a time', async (t) => {
  let now = 0
  const { double, analyse, requests, state } = await setUp(t, [steps.html()], { now: () => now })
  while (state() === 'closed') await analyse()
  t.equal(requests.length, 10)
  t.match(await analyse(), { reason: 'circuit_open', asked: null })
  t.equal(requests.length, 10, 'nothing is sent')
  now += 20_000
  t.equal(state(), 'half_open')
  double.script([steps.hangBeforeHeaders()])
  const hanging = new AbortController()
  const probe = analyse(5000, hanging.signal)
  const [, other] = [await double.nextRequest(), await analyse()]
  t.match(other, { reason: 'circuit_open' }, 'while the probe is under way nobody else asks')
  hanging.abort()
  t.match(await probe, { reason: 'aborted' })
  t.equal(state(), 'half_open', 'a probe that was called off says nothing')
  double.script([steps.answer()])
  t.match(await analyse(), { outcome: 'answered' })
  t.equal(state(), 'closed')
})

t.test(
  'a third of failures does not open a circuit, a failed probe rests longer, late verdicts do not count',
  async (t) => {
    let now = 0
    const breaker = createBreaker({ now: () => now, random: () => 0.5 })
    for (let call = 0; call < 3000; call++) {
      const permit = breaker.admit()
      if (call % 3 === 0) permit?.failed()
      else permit?.succeeded()
    }
    t.equal(breaker.state(), 'closed')
    const early = breaker.admit()
    for (let call = 0; breaker.state() === 'closed'; call++) {
      breaker.admit()?.failed()
      t.ok(call < 12)
    }
    early?.succeeded()
    t.equal(breaker.state(), 'open')
    for (const rest of [5000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      now += rest - 1
      t.equal(breaker.admit(), undefined)
      now += 1
      const probe = breaker.admit()
      t.equal(breaker.admit(), undefined)
      probe?.failed()
      probe?.succeeded()
      t.equal(breaker.state(), 'open', 'the first word counts')
    }
  },
)

t.test('answers that come too late open the circuit and make room, but are not lost', async (t) => {
  const { analyse, state } = await setUp(t, () => steps.answer(steps.HAPPY, { after: 120 }), { seats: 20 })
  const answers = await Promise.all(Array.from({ length: 10 }, () => analyse(20)))
  for (const answer of answers) t.match(answer, { outcome: 'answered' }, 'the late answer is still given')
  t.equal(state(), 'open')
})

t.test('a call that is late is ended when another one needs its place', async (t) => {
  const { double, analyse } = await setUp(t, [steps.hangBeforeHeaders()], { seats: 1 })
  const late = analyse(30)
  await double.nextRequest()
  double.script([steps.answer()])
  t.match(await analyse(5000, new AbortController().signal), { outcome: 'answered' })
  t.match(await late, { reason: 'timed_out' })
  await double.connectionClosed()
})

t.test('who comes when all places are taken ends the call that has been late for longest', async (t) => {
  const bulkhead = createBulkhead({ seats: 2, queue: 4 })
  const ended: string[] = []
  for (const name of ['first', 'second']) {
    const seat = bulkhead.tryTake()
    seat?.yieldTo(() => {
      ended.push(name)
      seat.leave()
    })
  }
  t.strictSame(ended, [], 'nobody waits, nobody is ended')
  t.ok(await bulkhead.take({}, 5000, new AbortController().signal))
  t.strictSame(ended, ['first'])
})

t.test('calls wait in a bounded line, in turn by caller', async (t) => {
  const bulkhead = createBulkhead({ seats: 1, queue: 4 })
  const [greedy, modest] = [{}, {}]
  const { signal } = new AbortController()
  const taken: string[] = []
  const take = async (name: string, caller: object, patienceMs = 5000) => {
    const seat = await bulkhead.take(caller, patienceMs, signal)
    taken.push(seat === undefined ? `${name} none` : name)
    seat?.leave()
  }
  const held = bulkhead.tryTake()
  const all = [
    take('greedy 1', greedy),
    take('greedy 2', greedy),
    take('greedy 3', greedy),
    take('modest 1', modest),
  ]
  await take('too many', modest)
  held?.leave()
  held?.leave()
  await Promise.all(all)
  t.strictSame(taken, ['too many none', 'greedy 1', 'modest 1', 'greedy 2', 'greedy 3'])
  const last = bulkhead.tryTake()
  t.equal(bulkhead.tryTake(), undefined, 'leaving twice frees one seat')
  await take('impatient', modest, 1)
  const caller = new AbortController()
  const leaving = bulkhead.take(greedy, 5000, caller.signal)
  caller.abort()
  t.equal(await leaving, undefined)
  last?.leave()
  t.ok(bulkhead.tryTake(), 'who left the line takes no seat')
})

t.test('a call that gets no place in time is answered by name', async (t) => {
  const { analyse, caller, double } = await setUp(t, [steps.hangBeforeHeaders()], { seats: 1, queue: 1 })
  const first = analyse()
  await double.nextRequest()
  const waiting = analyse(20)
  t.match(await analyse(), { reason: 'busy', asked: null }, 'the line is full')
  t.match(await waiting, { reason: 'busy', asked: null }, 'its deadline came first')
  caller.abort()
  t.match(await first, { reason: 'aborted' })
})

/** An analyser that has learnt that answers take 300 ms, by a clock that runs with the requests, and its next steps. */
async function warmedUp(t: Test, next: readonly steps.Step[]) {
  let clock = 0
  let asked = 0
  const setting = await setUp(
    t,
    () => {
      clock += 300
      return next[asked++ - 30] ?? steps.answer()
    },
    { now: () => clock },
  )
  for (let window = 0; window < 30; window++) await setting.analyse()
  t.equal(setting.requests.length, 30, 'no second request while all is as usual')
  return setting
}

t.test('a slow request gets a second one, the first answer counts, and the other is cut off', async (t) => {
  const { double, analyse, requests } = await warmedUp(t, [steps.hangBeforeHeaders()])
  t.match(await analyse(), { outcome: 'answered' })
  t.strictSame(
    requests.slice(30).map(({ outcome, isHedge }) => [outcome, isHedge]),
    [
      ['answered', true],
      ['aborted', false],
    ],
  )
  await double.connectionClosed()
})

t.test('when a second request fails the first is still waited for', async (t) => {
  let release = (): void => undefined
  const slow = new Promise<void>((resolve) => (release = resolve))
  const failing: steps.Step = (request, response) => {
    response.on('close', () => setTimeout(release, 20))
    return steps.overloaded()(request, response)
  }
  const { analyse, requests } = await warmedUp(t, [steps.answer(steps.HAPPY, { after: slow }), failing])
  t.match(await analyse(), { outcome: 'answered' })
  t.strictSame(
    requests.slice(30).map(({ outcome }) => outcome),
    ['overloaded', 'answered'],
  )
})

t.test('second requests are one in twenty', async (t) => {
  const hedging = createHedging()
  t.equal(hedging.first(), undefined, 'nothing is known yet')
  for (let ms = 1; ms <= 200; ms++) hedging.answered(ms)
  let second = 0
  for (let request = 1; request < 2000; request++) {
    t.ok(Number(hedging.first()) >= 194 && Number(hedging.first()) <= 196) // of the last hundred; asks twice
    if (hedging.spend()) second++
  }
  t.ok(second >= 195 && second <= 200, `${second} of 3998`)
})

t.test('what a window costs is counted over all its requests, refused ones for nothing', async (t) => {
  const price = { prompt: 0.3, answer: 2.5 }
  const { analyse, spent } = await setUp(t, [steps.overloaded(), steps.answer()], { priceOf: () => price })
  const { asked } = await analyse()
  t.strictSame(spent[0], { requests: 1, promptTokens: 0, answerTokens: 0, costMicroUsd: 0 })
  const [, paid] = spent
  t.equal(paid?.costMicroUsd, Math.round(0.3 * Number(paid?.promptTokens) + 2.5 * Number(paid?.answerTokens)))
  const { promptTokens, answerTokens, costMicroUsd } = paid ?? {}
  t.match(asked, { promptTokens, answerTokens, costMicroUsd })
})

t.test('what a model without a known price costs is not known, and not nothing', async (t) => {
  const { analyse, spent } = await setUp(t, [steps.overloaded(), steps.answer()], {
    priceOf: () => undefined,
  })
  const { asked } = await analyse()
  t.equal(spent[0]?.costMicroUsd, 0, 'a refused request is free')
  t.ok(Number(spent[1]?.promptTokens) > 0)
  t.equal(spent[1]?.costMicroUsd, null)
  t.equal(asked?.costMicroUsd, null)
})

t.test('a request that was cut off is paid for by estimate, an unusable answer as counted', async (t) => {
  const price = { prompt: 1, answer: 1 }
  const { analyse, spent, double } = await setUp(t, [steps.hangMidBody()], {
    priceOf: () => price,
    timeoutMs: 50,
  })
  t.match(await analyse(), { reason: 'timed_out' })
  t.ok(Number(spent[0]?.costMicroUsd) > 500, 'about the size of the prompt')
  t.equal(spent[0]?.answerTokens, 0)
  double.script([steps.wrongLabel()])
  const wrong = await analyse()
  t.match(wrong, { reason: 'malformed' })
  t.ok(Number(wrong.asked?.answerTokens) > 40)
  const odd = { candidates: [], usageMetadata: { promptTokenCount: -5, totalTokenCount: 1e12 } }
  double.script([steps.body(odd)])
  t.match((await analyse()).asked, { promptTokens: null, costMicroUsd: null }, 'nonsense is not believed')
})

t.test('when the money of the day is spent nothing is sent', async (t) => {
  const { analyse, requests } = await setUp(t, [steps.answer()], { isSpent: () => true })
  t.match(await analyse(), { reason: 'budget_spent', asked: null })
  t.equal(requests.length, 0)
})

t.test('each answer is compared with the local one', async (t) => {
  const { analyse, compared } = await setUp(t, [
    steps.answer(),
    steps.answer({ ...steps.HAPPY, emotion: 'sad' }),
    steps.blocked(),
  ])
  for (let window = 0; window < 3; window++) await analyse()
  t.strictSame(compared, [true, false], 'the local answer is happy; a failure is no disagreement')
})

t.test(
  'an allowance that is used up sends the window to the next model, and else is waited for',
  async (t) => {
    let left = 1
    const scarce = { take: async () => left-- > 0 }
    const rich = { take: async () => true }
    const models = ['gemini-first', 'gemini-second']
    const { analyse, analyser } = await setUp(t, [steps.answer()], {
      models,
      allowanceOf: (model) => (model === 'gemini-first' ? scarce : rich),
    })
    t.match(await analyse(), { model: 'gemini-first' })
    t.match(await analyse(), { model: 'gemini-second' })
    t.equal(analyser.states()[0]?.state, 'closed', 'that is no fault of the model')
    let draws = 0
    const trickling = { take: async () => ++draws >= 3 }
    const one = await setUp(t, [steps.answer()], { allowanceOf: () => trickling })
    t.match(await one.analyse(), { outcome: 'answered' })
    const dry = await setUp(t, [steps.answer()], {
      allowanceOf: () => ({ take: async () => false }),
      random: () => 0.999,
    })
    t.match(await dry.analyse(200), { reason: 'over_allowance', asked: null })
  },
)
