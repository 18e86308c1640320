import { sql } from 'drizzle-orm'
import t from 'tap'
import { createAllowance, type Slice } from '../../src/features/analysis/model/allowance.ts'
import { modelRepository } from '../../src/features/analysis/model/repository.ts'
import { createUsage, type Spending } from '../../src/features/analysis/model/usage.ts'
import { createTestDatabase } from '../helpers/database.ts'

const database = await createTestDatabase(t)
const { orm } = database
const NOON = Date.parse('2026-11-23T12:00:00Z')
const spending = (costMicroUsd: number): Spending => ({
  requests: 1,
  promptTokens: 700,
  answerTokens: 130,
  costMicroUsd,
})

/** An instance's bill on the shared rows, by a clock that the test sets. */
function instance(dailyBudgetMicroUsd: number | null = null) {
  const state = { now: NOON, away: false, unconfirmed: false, failed: 0 }
  const there = async <T>(work: () => Promise<T>): Promise<T> => {
    if (state.away) throw new Error('the database is away')
    return work()
  }
  const usage = createUsage({
    add: (id, rows) =>
      there(async () => {
        await modelRepository.addUsage(orm, id, rows)
        if (state.unconfirmed) throw new Error('the commit was not confirmed')
      }),
    findCost: (day) => there(() => modelRepository.findCostOfDay(orm, day)),
    dailyBudgetMicroUsd,
    clock: () => state.now,
    onFailed: () => state.failed++,
  })
  return { usage, state }
}

t.test('the bill of a day is one sum over instances and models, and a budget ends at it', async (t) => {
  const [one, other] = [instance(1000), instance(1000)]
  one.usage.record('gemini-a', spending(300))
  one.usage.record('gemini-a', spending(300))
  one.usage.record('gemini-b', spending(100))
  t.equal(one.usage.isSpent(), false)
  await one.usage.settle()
  other.usage.record('gemini-a', spending(300))
  t.equal(other.usage.isSpent(), false, 'it has not looked yet')
  await other.usage.settle()
  t.equal(other.usage.spentToday(), 1000)
  t.equal(other.usage.isSpent(), true)
  await one.usage.settle()
  t.equal(one.usage.isSpent(), true)
  const rows = await database.sql`select *, day::text as day from model_usage order by model`
  t.match(rows, [
    { day: '2026-11-23', model: 'gemini-a', requests: 3, prompt_tokens: '2100', cost_micro_usd: '900' },
    { day: '2026-11-23', model: 'gemini-b', requests: 1, answer_tokens: '130', cost_micro_usd: '100' },
  ])
  one.state.now = Date.parse('2026-11-23T23:59:59.999Z')
  t.equal(one.usage.isSpent(), true)
  one.state.now++
  t.equal(one.usage.isSpent(), false, 'a new day by UTC')
  const third = instance(1000)
  await third.usage.settle()
  t.equal(third.usage.isSpent(), true, 'a new instance asks before its first window')
  t.equal(instance(null).usage.isSpent(), false, 'no budget, no end')
  t.equal(instance(0).usage.isSpent(), true)
})

t.test('a bill is neither lost nor forgotten while the database is away', async (t) => {
  const { usage, state } = instance(500)
  state.now = Date.parse('2026-12-01T12:00:00Z')
  state.away = true
  usage.record('gemini-a', spending(300))
  await usage.settle()
  usage.record('gemini-a', spending(300))
  t.equal(usage.spentToday(), 600)
  t.equal(usage.isSpent(), true)
  t.ok(state.failed > 0)
  state.away = false
  await usage.settle()
  t.equal(await modelRepository.findCostOfDay(orm, '2026-12-01'), 600)
  t.equal(usage.spentToday(), 600, 'counted once')
})

t.test('a bill whose commit was not confirmed is added once', async (t) => {
  const { usage, state } = instance()
  state.now = Date.parse('2026-12-03T12:00:00Z')
  state.unconfirmed = true
  usage.record('gemini-a', spending(300))
  await usage.settle()
  usage.record('gemini-a', spending(20))
  await usage.settle()
  t.equal(state.failed, 2)
  t.equal(usage.spentToday(), 320)
  state.unconfirmed = false
  await usage.settle()
  await usage.settle()
  t.equal(await modelRepository.findCostOfDay(orm, '2026-12-03'), 320)
  t.equal(usage.spentToday(), 320)
  await database.sql`update model_allowances set filled_at = now() - interval '2 days' where key like 'settled %'`
  await modelRepository.deleteOldSettlements(orm)
  t.equal((await database.sql`select 1 from model_allowances where key like 'settled %'`).length, 0)
})

t.test('what is spent while the bill is being written is in the next one', async (t) => {
  const { usage, state } = instance()
  state.now = Date.parse('2026-12-02T12:00:00Z')
  usage.record('gemini-a', spending(1))
  const settled = usage.settle()
  usage.record('gemini-a', spending(2))
  t.equal(usage.settle(), settled, 'one at a time')
  t.equal(usage.spentToday(), 3)
  await settled
  t.equal(usage.spentToday(), 3)
  await usage.settle()
  t.equal(await modelRepository.findCostOfDay(orm, '2026-12-02'), 3)
})

t.test('the cost of a session is the sum of its windows', async (t) => {
  await database.sql`insert into users (id, username, email, password_hash) overriding system value values (77, 'u', 'u@example.com', 'none')`
  await database.sql`insert into sessions (id, user_id, interval_ms) values ('sess_bill', 77, 10000)`
  const window = (number: number, cost: number | null) => database.sql`
    insert into emotion_windows (session_id, "window", closed_at, frames_received, frames_analysed, emotion, confidence,
      uncertain, scores, valence, arousal, dominance, source, model, latency_ms, analyser_version, measures,
      prompt_tokens, answer_tokens, cost_micro_usd)
    values ('sess_bill', ${number}, now(), 1, 1, 'sad', 0.5, false, '{}', 0, 0, 0, 'local', 'local-1', 1, 'local-1', '\\x',
      ${cost === null ? null : 700}, ${cost === null ? null : 130}, ${cost})`
  await window(1, 122)
  await window(2, null)
  await window(3, 100)
  const cost = await modelRepository.findCostOfSession(orm, 'sess_bill')
  t.strictSame(cost, { promptTokens: 1400, answerTokens: 260, costMicroUsd: 222 })
  await window(4, 50)
  await database.sql`update emotion_windows set cost_micro_usd = null where "window" = 4`
  const unpriced = await modelRepository.findCostOfSession(orm, 'sess_bill')
  t.strictSame(unpriced, { promptTokens: 2100, answerTokens: 390, costMicroUsd: null }, 'a part is not known')
  const nothing = { promptTokens: 0, answerTokens: 0, costMicroUsd: 0 }
  t.strictSame(await modelRepository.findCostOfSession(orm, 'sess_none'), nothing)
})

t.test('a shared bucket gives what it holds, all or nothing, and fills with time', async (t) => {
  const slice = (amount: number, perSecond = 0): Slice => ({ key: 'k', amount, capacity: 10, perSecond })
  const draw = async (one: Slice) => (await modelRepository.drawSlices(orm, [one])).has('k')
  t.equal(await draw(slice(6)), true, 'full at first')
  t.equal(await draw(slice(6)), false)
  t.equal(await draw(slice(4)), true, 'what was refused is still there')
  t.equal(await draw(slice(1)), false)
  await orm.execute(sql`update model_allowances set filled_at = now() - interval '2 seconds'`)
  t.equal(await draw(slice(9, 4)), false, 'eight have flowed in')
  t.equal(await draw(slice(8, 4)), true)
  await orm.execute(sql`update model_allowances set filled_at = now() - interval '1 hour'`)
  t.equal(await draw(slice(10.5, 4)), false, 'it never holds more than its capacity')
  await orm.execute(sql`update model_allowances set filled_at = now() + interval '1 hour', level = 5`)
  t.equal(await draw(slice(5, 4)), true, 'a clock that was put back takes nothing away')
  t.equal((await modelRepository.drawSlices(orm, [])).size, 0)
})

t.test('instances together never get more than the bucket holds', async (t) => {
  const pair = (n: number): Slice[] => [
    { key: `b ${n % 2 === 0 ? 'x' : 'y'}`, amount: 1, capacity: 20, perSecond: 0 },
    { key: `b ${n % 2 === 0 ? 'y' : 'x'}`, amount: 1, capacity: 20, perSecond: 0 },
  ]
  const draws = await Promise.all(
    Array.from({ length: 60 }, (_, n) => modelRepository.drawSlices(orm, pair(n))),
  )
  for (const key of ['b x', 'b y']) {
    const drawn = draws.filter((keys) => keys.has(key)).length
    t.equal(drawn, 20, `${key}: ${drawn} of sixty wishes, without a deadlock`)
  }
})

/** An allowance on the shared rows whose draws are counted. */
function allowance(model: string, perMinute: { requests: number; tokens: number }) {
  const state = { now: 0, draws: 0, away: false, apart: 0 }
  const allowed = createAllowance({
    model,
    perMinute,
    draw: async (slices) => {
      state.draws++
      if (state.away) throw new Error('the database is away')
      return modelRepository.drawSlices(orm, slices)
    },
    now: () => state.now,
    onApart: () => state.apart++,
  })
  /** How many of `wishes` requests may be made. */
  const granted = async (wishes: number, tokens: number) => {
    let count = 0
    for (let wish = 0; wish < wishes; wish++) if (await allowed.take(tokens)) count++
    return count
  }
  return { state, granted }
}

t.test('a window does not cost a statement: slices are drawn for about a second', async (t) => {
  const { granted, state } = allowance('gemini-many', { requests: 6000, tokens: 60_000_000 })
  t.equal(await granted(100, 900), 100)
  t.ok(state.draws <= 2, `${state.draws} draws`)
})

t.test('requests and tokens are bounded, over all instances', async (t) => {
  const perMinute = { requests: 120, tokens: 1_000_000 }
  const [one, other] = [allowance('gemini-few', perMinute), allowance('gemini-few', perMinute)]
  const together = (await one.granted(30, 100)) + (await other.granted(30, 100))
  t.ok(together >= 9 && together <= 12, `${together}: a twelfth of a minute at once, and what flows in`)
  const words = allowance('gemini-words', { requests: 100_000, tokens: 12_000 })
  const spoken = await words.granted(10, 500)
  t.ok(spoken >= 1 && spoken <= 3, `${spoken} of 500 tokens each`)
  const small = allowance('gemini-small', { requests: 5, tokens: 1000 })
  t.equal(await small.granted(3, 900), 1, 'the least allowance still lets one through')
})

t.test('a slice that is not used is given up after some seconds', async (t) => {
  const { granted, state } = allowance('gemini-slice', { requests: 6000, tokens: 60_000_000 })
  await granted(1, 900)
  const drawn = state.draws
  state.now = 4999
  await granted(1, 900)
  t.equal(state.draws, drawn)
  state.now = 5000
  await granted(1, 900)
  t.ok(state.draws > drawn)
})

t.test('without the database an instance goes on with a quarter, and comes back', async (t) => {
  const { granted, state } = allowance('gemini-apart', { requests: 4800, tokens: 60_000_000 })
  state.away = true
  let apart = 0
  for (; state.now < 60_000; state.now += 100) apart += await granted(50, 900)
  t.ok(apart > 1000 && apart < 1350, `${apart} in a minute, of 4800`)
  t.ok(state.draws <= 31, `it is asked now and then: ${state.draws} times`)
  t.equal(state.apart, state.draws, 'and told each time')
  state.away = false
  state.now += 2000
  t.equal(await granted(80, 900), 80)
})
