import t from 'tap'
import { findFaulty, LateWriteError, writeWithin } from '../../src/lib/write-tries.ts'

const tryAll = async (outcomes: readonly ('written' | 'failed' | 'skipped')[]) => {
  const tried: number[] = []
  const together: number[][] = []
  const faulty = await findFaulty([...outcomes.keys()], {
    one: async (i) => {
      tried.push(i)
      return outcomes[i] ?? 'failed'
    },
    rest: async (entries) => {
      together.push([...entries])
      return entries.every((i) => outcomes[i] === 'written')
    },
  })
  return { faulty, tried: tried.length, together }
}

t.test('entries that fail while others are written are at fault', async (t) => {
  t.same(await tryAll(['written', 'failed', 'written', 'failed', 'skipped']), {
    faulty: [1, 3],
    tried: 5,
    together: [[1, 2, 3, 4]],
  })
  t.same(await tryAll(['failed', 'written']), { faulty: [0], tried: 2, together: [[]] })
})

t.test('after the first success the rest is written together', async (t) => {
  const outcomes = ['failed', 'written', 'written', 'written'] as const
  t.same(await tryAll(outcomes), { faulty: [0], tried: 2, together: [[2, 3]] })
})

t.test('if nothing can be written, no entry is at fault', async (t) => {
  t.same(await tryAll(Array.from({ length: 100 }, () => 'failed' as const)), {
    faulty: [],
    tried: 8,
    together: [],
  })
  t.same(await tryAll(['failed', 'skipped', 'failed']), { faulty: [], tried: 3, together: [] })
})

t.test('a late write has its own error', async (t) => {
  await t.rejects(writeWithin(new Promise(() => undefined), 1), LateWriteError)
  await t.rejects(writeWithin(Promise.reject(new Error('refused')), 1000), /refused/)
  await writeWithin(Promise.resolve(), 1000)
})
