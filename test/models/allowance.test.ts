import { sql } from 'drizzle-orm'
import t from 'tap'
import { createAllowance, type Slice } from '../../src/models/allowance.ts'
import { modelRepository } from '../../src/models/repository.ts'
import { createTestDatabase } from '../helpers/database.ts'

const { orm } = await createTestDatabase(t)

t.test('a shared bucket is drawn all or nothing, and refills over time', async (t) => {
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

t.test('instances together never get more than the capacity', async (t) => {
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
  const state = { now: 0, draws: 0, away: false, failures: 0 }
  const allowed = createAllowance({
    model,
    perMinute,
    draw: async (slices) => {
      state.draws++
      if (state.away) throw new Error('the database is away')
      return modelRepository.drawSlices(orm, slices)
    },
    now: () => state.now,
    onUnshared: () => state.failures++,
  })
  /** How many of `wishes` requests are admitted. */
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

t.test('an unused slice expires after some seconds', async (t) => {
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

t.test(
  'without the database an instance uses a quarter of the quota, then the shared one again',
  async (t) => {
    const { granted, state } = allowance('gemini-apart', { requests: 4800, tokens: 60_000_000 })
    state.away = true
    let apart = 0
    for (; state.now < 60_000; state.now += 100) apart += await granted(50, 900)
    t.ok(apart > 1000 && apart < 1350, `${apart} in a minute, of 4800`)
    t.ok(state.draws <= 31, `it is asked now and then: ${state.draws} times`)
    t.equal(state.failures, state.draws, 'and reported each time')
    state.away = false
    state.now += 2000
    t.equal(await granted(80, 900), 80)
  },
)
