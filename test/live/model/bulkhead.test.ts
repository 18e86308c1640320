import t from 'tap'
import { createBulkhead } from '../../../src/live/model/bulkhead.ts'

t.test('when all slots are taken a new call ends the one that has been late for longest', async (t) => {
  const bulkhead = createBulkhead({ slots: 2, queue: 4 })
  const ended: string[] = []
  for (const name of ['first', 'second']) {
    const slot = bulkhead.tryAcquire()
    slot?.allowEviction(() => {
      ended.push(name)
      slot.release()
    })
  }
  t.strictSame(ended, [], 'no call waits, none is ended')
  t.ok(await bulkhead.acquire({}, 5000, new AbortController().signal))
  t.strictSame(ended, ['first'])
})

t.test('calls wait in a bounded queue, in turn by caller', async (t) => {
  const bulkhead = createBulkhead({ slots: 1, queue: 4 })
  const [greedy, modest] = [{}, {}]
  const { signal } = new AbortController()
  const taken: string[] = []
  const take = async (name: string, caller: object, patienceMs = 5000) => {
    const slot = await bulkhead.acquire(caller, patienceMs, signal)
    taken.push(slot === undefined ? `${name} none` : name)
    slot?.release()
  }
  const held = bulkhead.tryAcquire()
  const all = [
    take('greedy 1', greedy),
    take('greedy 2', greedy),
    take('greedy 3', greedy),
    take('modest 1', modest),
  ]
  await take('too many', modest)
  held?.release()
  held?.release()
  await Promise.all(all)
  t.strictSame(taken, ['too many none', 'greedy 1', 'modest 1', 'greedy 2', 'greedy 3'])
  const last = bulkhead.tryAcquire()
  t.equal(bulkhead.tryAcquire(), undefined, 'a slot is released once')
  await take('impatient', modest, 1)
  const caller = new AbortController()
  const leaving = bulkhead.acquire(greedy, 5000, caller.signal)
  caller.abort()
  t.equal(await leaving, undefined)
  last?.release()
  t.ok(bulkhead.tryAcquire(), 'a call that was given up takes no slot')
})
