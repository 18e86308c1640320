import t from 'tap'
import { createRestoring } from '../../src/live/windows/restoring.ts'

t.test('a try that fails is repeated until one succeeds, and reported once', async (t) => {
  let tries = 0
  const failures: unknown[] = []
  const restored = await new Promise<number>((resolve) => {
    const restore = createRestoring({
      restore: async () => {
        if (++tries < 3) throw new Error(`the database is away: ${tries}`)
        return 7
      },
      onRestored: resolve,
      onFailed: (error) => void failures.push(error),
      signal: new AbortController().signal,
    })
    restore()
  })
  t.equal(restored, 7)
  t.match(failures, [{ message: 'the database is away: 1' }])
  t.equal(failures.length, 1)
})

t.test('a request while a try is in progress causes another one', async (t) => {
  const pending: ((count: number) => void)[] = []
  const counts: number[] = []
  const restore = createRestoring({
    restore: () => new Promise((resolve) => pending.push(resolve)),
    onRestored: (count) => void counts.push(count),
    onFailed: (error) => t.fail(String(error)),
    signal: new AbortController().signal,
  })
  restore()
  restore()
  restore()
  t.equal(pending.length, 1, 'one at a time')
  pending[0]?.(1)
  await new Promise(setImmediate)
  t.equal(pending.length, 2)
  pending[1]?.(2)
  await new Promise(setImmediate)
  t.same(counts, [1, 2])
  t.equal(pending.length, 2, 'no more than were requested')
})
