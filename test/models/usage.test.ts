import t from 'tap'
import { modelRepository } from '../../src/models/repository.ts'
import { createUsage, type Spending } from '../../src/models/usage.ts'
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

/** An instance's bill on the shared rows, with a clock that the test controls. */
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

t.test('the bill of a day is one sum over instances and models, which the budget limits', async (t) => {
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

t.test('a bill is not lost while the database is unavailable', async (t) => {
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

t.test('spending during a write is in the next settlement', async (t) => {
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
