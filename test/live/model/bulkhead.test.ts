import t from 'tap'
import { createBulkhead } from '../../../src/live/model/bulkhead.ts'

const { signal } = new AbortController()

t.test('when all slots are taken a new call ends the one that has been late for longest', async (t) => {
  const bulkhead = createBulkhead({ slots: 2, queue: 4 })
  const ended: string[] = []
  for (const name of ['first', 'second']) {
    const slot = await bulkhead.acquire(5000, signal)
    slot?.allowEviction(() => {
      ended.push(name)
      slot.release()
    })
  }
  t.strictSame(ended, [], 'no call waits, none is ended')
  t.ok(await bulkhead.acquire(5000, signal))
  t.strictSame(ended, ['first'])
})

t.test('calls wait in order in a bounded queue', async (t) => {
  const bulkhead = createBulkhead({ slots: 1, queue: 3 })
  const taken: string[] = []
  const take = async (name: string, patienceMs = 5000) => {
    const slot = await bulkhead.acquire(patienceMs, signal)
    taken.push(slot === undefined ? `${name} none` : name)
    slot?.release()
  }
  const held = await bulkhead.acquire(5000, signal)
  const all = ['one', 'two', 'three'].map((name) => take(name))
  await take('too many')
  held?.release()
  held?.release()
  await Promise.all(all)
  t.strictSame(taken, ['too many none', 'one', 'two', 'three'])
  const last = await bulkhead.acquire(5000, signal)
  await take('impatient', 1)
  t.equal(taken.at(-1), 'impatient none', 'a slot is released once')
  const caller = new AbortController()
  const leaving = bulkhead.acquire(5000, caller.signal)
  caller.abort()
  t.equal(await leaving, undefined)
  last?.release()
  t.ok(await bulkhead.acquire(5000, signal), 'a call that was given up takes no slot')
})
