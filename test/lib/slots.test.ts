import t from 'tap'
import { createSlots } from '../../src/lib/slots.ts'

t.test('a key holds at most `max` slots, and a release frees one slot only once', async (t) => {
  const slots = createSlots(2)
  const first = slots.acquire('a')
  t.ok(first)
  t.ok(slots.acquire('a'))
  t.notOk(slots.acquire('a'))
  t.ok(slots.acquire('b'), 'another key has its own')
  first?.()
  first?.()
  t.ok(slots.acquire('a'))
  t.notOk(slots.acquire('a'), 'released twice is released once')
})
