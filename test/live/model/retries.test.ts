import t from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import type { Script } from '../../helpers/gemini-double.ts'
import * as steps from '../../helpers/gemini-steps.ts'
import { createTestAnalyser, MODEL } from '../../helpers/models.ts'

/** However slow the machine is, a request is sent before its deadline; timers run all the same. */
const STOPPED = () => 0

t.test('a passing fault is tried again within the deadline', async (t) => {
  for (const fault of [steps.overloaded(), steps.reset(), steps.breakOff()]) {
    const { analyse, calls } = await createTestAnalyser(t, [fault, fault, steps.answer()])
    t.match(await analyse(), { outcome: 'answered', model: MODEL })
    t.equal(calls.length, 3)
  }
})

t.test('tries are bounded and never begin after the deadline', async (t) => {
  const { analyse, calls } = await createTestAnalyser(t, [steps.overloaded()])
  t.match(await analyse(), { reason: 'overloaded' })
  t.equal(calls.length, 4)
  const late = await createTestAnalyser(t, [steps.overloaded()], { random: () => 0.999, now: STOPPED })
  t.match(await late.analyse(200), { reason: 'overloaded' }, 'a pause of 250 ms would end too late')
  t.equal(late.calls.length, 1)
  t.match(await late.analyse(0), { reason: /timed_out|busy/, asked: null })
  t.equal(late.calls.length, 1)
})

t.test('a limited model is left alone for as long as it asks, by every session', async (t) => {
  let now = 0
  const { analyse, calls, states } = await createTestAnalyser(t, [steps.rateLimited(12), steps.answer()], {
    now: () => now,
  })
  t.match(await analyse(9000), { reason: 'rate_limited', detail: 'HTTP 429, retry after 12s' })
  t.equal(states()[0]?.state, 'backing_off')
  now = 11_999
  t.match(await analyse(0.5), { reason: 'rate_limited', asked: null })
  t.equal(calls.length, 1)
  now = 12_000
  t.match(await analyse(), { outcome: 'answered' })
})

t.test(
  'a model whose quota of the day is used up is not asked for longer than the minute that it asks for',
  async (t) => {
    let now = 0
    const { analyse, calls, states } = await createTestAnalyser(t, [steps.dailyQuota(), steps.answer()], {
      now: () => now,
    })
    t.match(await analyse(9000), { reason: 'rate_limited', detail: /quota of the day/ })
    now = 20 * 60_000
    t.equal(states()[0]?.state, 'backing_off')
    t.match(await analyse(0.5), { reason: 'rate_limited', asked: null })
    t.equal(calls.length, 1)
    now = 60 * 60_000
    t.match(await analyse(), { outcome: 'answered' })
  },
)

t.test('a wait that ends before the deadline is waited for', async (t) => {
  const { analyse, calls } = await createTestAnalyser(t, [steps.rateLimited(0.05), steps.answer()])
  const answer = await analyse()
  t.match(answer, { outcome: 'answered' })
  t.ok(answer.latencyMs >= 50, `${answer.latencyMs} ms`)
  t.equal(calls.length, 2)
})

t.test('a removed or overloaded model costs no window: the next one answers', async (t) => {
  const models = ['gemini-gone', 'gemini-full', 'gemini-well']
  const script: Script = ({ model }) =>
    model === 'gemini-gone'
      ? steps.modelNotFound()
      : model === 'gemini-full'
        ? steps.overloaded()
        : steps.answer()
  const { analyse, calls, states } = await createTestAnalyser(t, script, { names: models })
  for (let window = 0; window < 30; window++)
    t.match(await analyse(), { outcome: 'answered', model: 'gemini-well' })
  t.equal(calls.filter(({ model }) => model === 'gemini-gone').length, 1)
  t.equal(calls.filter(({ model }) => model === 'gemini-full').length, 10, 'then its circuit is open')
  t.strictSame(
    states().map(({ state }) => state),
    ['disabled', 'open', 'closed'],
  )
})

t.test('a model that is away is left alone and tried by one call at a time', async (t) => {
  let now = 0
  const { double, analyse, calls, states } = await createTestAnalyser(t, [steps.html()], { now: () => now })
  while (states()[0]?.state === 'closed') await analyse()
  t.equal(calls.length, 10)
  t.match(await analyse(), { reason: 'circuit_open', asked: null })
  t.equal(calls.length, 10, 'nothing is sent')
  now += 20_000
  t.equal(states()[0]?.state, 'half_open')
  double.script([steps.hangBeforeHeaders()])
  const hanging = new AbortController()
  const probe = analyse(5000, hanging.signal)
  const [, other] = [await double.nextRequest(), await analyse()]
  t.match(other, { reason: 'circuit_open' }, 'while the probe is under way nobody else asks')
  hanging.abort()
  t.match(await probe, { reason: 'aborted' })
  t.equal(states()[0]?.state, 'half_open', 'a probe that was called off says nothing')
  double.script([steps.answer()])
  t.match(await analyse(), { outcome: 'answered' })
  t.equal(states()[0]?.state, 'closed')
})

t.test('answers that come too late open the circuit and make room, but are not lost', async (t) => {
  let release = (): void => undefined
  const late = new Promise<void>((resolve) => (release = resolve))
  const script: Script = () => steps.answer(steps.HAPPY, { after: late })
  const { analyse, states } = await createTestAnalyser(t, script, { slots: 20, now: STOPPED })
  const answers = Array.from({ length: 10 }, () => analyse(20))
  await eventually(
    () => states()[0]?.state,
    (state) => state === 'open',
  )
  release()
  for (const answer of await Promise.all(answers))
    t.match(answer, { outcome: 'answered' }, 'the late answer is still given')
})

t.test('a call that is late is ended when another one needs its slot', async (t) => {
  const { double, analyse } = await createTestAnalyser(t, [steps.hangBeforeHeaders()], {
    slots: 1,
    now: STOPPED,
  })
  const late = analyse(30)
  await double.nextRequest()
  double.script([steps.answer()])
  t.match(await analyse(5000, new AbortController().signal), { outcome: 'answered' })
  t.match(await late, { reason: 'timed_out' })
  await double.connectionClosed()
})

t.test('a call that gets no slot in time is answered by name', async (t) => {
  const { analyse, caller, double } = await createTestAnalyser(t, [steps.hangBeforeHeaders()], {
    slots: 1,
    now: STOPPED,
    queue: 1,
  })
  const first = analyse()
  await double.nextRequest()
  const waiting = analyse(500)
  t.match(await analyse(), { reason: 'busy', asked: null }, 'the line is full')
  t.match(await waiting, { reason: 'busy', asked: null }, 'its deadline came first')
  caller.abort()
  t.match(await first, { reason: 'aborted' })
})

t.test('what a window costs is counted over all its requests, refused ones for nothing', async (t) => {
  const price = { prompt: 0.3, answer: 2.5 }
  const { analyse, spent } = await createTestAnalyser(t, [steps.overloaded(), steps.answer()], {
    priceOf: () => price,
  })
  const { asked } = await analyse()
  t.strictSame(spent[0], { requests: 1, promptTokens: 0, answerTokens: 0, costMicroUsd: 0 })
  const [, paid] = spent
  t.equal(paid?.costMicroUsd, Math.round(0.3 * Number(paid?.promptTokens) + 2.5 * Number(paid?.answerTokens)))
  const { promptTokens, answerTokens, costMicroUsd } = paid ?? {}
  t.match(asked, { promptTokens, answerTokens, costMicroUsd })
})

t.test('what a model without a known price costs is not known, and not nothing', async (t) => {
  const { analyse, spent } = await createTestAnalyser(t, [steps.overloaded(), steps.answer()], {
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
  const { analyse, spent, double } = await createTestAnalyser(t, [steps.hangMidBody()], {
    priceOf: () => price,
    timeoutMs: 1000,
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

t.test('when the daily budget is spent nothing is sent', async (t) => {
  const { analyse, calls } = await createTestAnalyser(t, [steps.answer()], { isBudgetSpent: () => true })
  t.match(await analyse(), { reason: 'budget_spent', asked: null })
  t.equal(calls.length, 0)
})

t.test('each answer is compared with the local one', async (t) => {
  const { analyse, compared } = await createTestAnalyser(t, [
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
    const { analyse, states } = await createTestAnalyser(t, [steps.answer()], {
      names: models,
      allowanceOf: (model) => (model === 'gemini-first' ? scarce : rich),
    })
    t.match(await analyse(), { model: 'gemini-first' })
    t.match(await analyse(), { model: 'gemini-second' })
    t.equal(states()[0]?.state, 'closed', 'that is no fault of the model')
    let draws = 0
    const trickling = { take: async () => ++draws >= 3 }
    const one = await createTestAnalyser(t, [steps.answer()], { allowanceOf: () => trickling })
    t.match(await one.analyse(), { outcome: 'answered' })
    const dry = await createTestAnalyser(t, [steps.answer()], {
      allowanceOf: () => ({ take: async () => false }),
      random: () => 0.999,
      now: STOPPED,
    })
    t.match(await dry.analyse(200), { reason: 'over_allowance', asked: null })
  },
)
