import { mock } from 'node:test'
import t from 'tap'
import { createGuard } from '../../src/lib/guard.ts'
import { countParts } from '../../src/lib/json-parts.ts'

t.test('errors and rejections are counted by place, and logged once a minute', async (t) => {
  let now = 0
  const errors: string[] = []
  const logged: string[] = []
  const guard = createGuard({
    onError: (place) => errors.push(place),
    log: (place, error) => logged.push(`${place}: ${String(error)}`),
    monotonic: () => now,
  })
  const fail = () => {
    throw new Error('sync')
  }
  guard.run('one', fail)
  guard.run('one', fail)
  guard.run('two', () => Promise.reject(new Error('async')))
  guard.run('two', async () => undefined)
  await Promise.resolve()
  t.same(errors, ['one', 'one', 'two'])
  t.same(logged, ['one: Error: sync', 'two: Error: async'])
  now = 60_000
  guard.run('one', fail)
  t.equal(logged.length, 3)
})

t.test('a timer whose work throws fires again', (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const guard = createGuard({ onError: () => undefined, log: () => undefined, monotonic: () => 0 })
  let calls = 0
  const timer = setInterval(() => {
    guard.run('timer', () => {
      if (++calls < 3) throw new Error('not yet')
    })
  }, 10)
  mock.timers.tick(30)
  clearInterval(timer)
  t.equal(calls, 3)
  t.end()
})

t.test('parts of JSON are counted outside of strings, up to a bound', (t) => {
  const count = (text: string, most = 100) => countParts(Buffer.from(text), most)
  t.equal(count('{"type":"ping"}'), 2)
  t.equal(count('{"a":[1,2,{"b":"x"}]}'), 7)
  t.equal(count('"한국어, [{: \\", \\\\"'), 0, 'text is no structure')
  t.equal(count('["\\\\",1]'), 2, 'an escaped backslash ends no escape')
  t.equal(count('['.repeat(1_000_000), 64), 65, 'and not further than it needs to be')
  t.end()
})
