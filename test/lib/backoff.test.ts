import t from 'tap'
import { createBackoff } from '../../src/lib/backoff.ts'

/** Records the pauses instead of waiting. */
function pauses(t: { readonly teardown: (work: () => void) => void }) {
  const asked: number[] = []
  const { setTimeout } = globalThis
  globalThis.setTimeout = ((work: () => void, ms: number) => {
    asked.push(ms)
    return setTimeout(work, 0)
  }) as typeof globalThis.setTimeout
  t.teardown(() => {
    globalThis.setTimeout = setTimeout
  })
  return asked
}

t.test(
  'each pause is twice the one before, up to the longest, and short again after a success',
  async (t) => {
    const asked = pauses(t)
    const backoff = createBackoff({ firstMs: 100, longestMs: 350 })
    for (let i = 0; i < 4; i++) await backoff.wait()
    backoff.reset()
    await backoff.wait()
    t.same(asked, [100, 200, 350, 350, 100])
  },
)

t.test('jittered pauses are 0.5 to 1.5 times their length', async (t) => {
  const asked = pauses(t)
  const backoff = createBackoff({ firstMs: 100, longestMs: 100, isSpread: true })
  for (let i = 0; i < 50; i++) await backoff.wait()
  t.ok(asked.every((ms) => ms >= 50 && ms <= 150))
  t.ok(new Set(asked).size > 1)
})

t.test('there is no pause after the signal has aborted', async (t) => {
  const backoff = createBackoff({ firstMs: 1_000_000, longestMs: 1_000_000 })
  await backoff.wait(AbortSignal.abort())
  const controller = new AbortController()
  const waiting = backoff.wait(controller.signal)
  controller.abort()
  await waiting
  t.pass('it has ended')
})
