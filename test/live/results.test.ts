import t from 'tap'
import { NO_SPAN } from '../../src/lib/tracing.ts'
import { createResults } from '../../src/live/results.ts'
import { byLocal } from '../../src/live/windows/answer.ts'
import type { WriteResult } from '../../src/live/windows/outbox.ts'
import { analysisInput } from '../helpers/analysis-input.ts'
import { plainSafe } from '../helpers/plain-vault.ts'

t.test('an announced answer counts as uncommitted until its own write is settled', async (t) => {
  const writes: ((result: WriteResult) => void)[] = []
  const announced: string[] = []
  const results = createResults({
    outbox: { write: () => new Promise((resolve) => writes.push(resolve)) },
    leases: { mayAct: async () => true, holds: () => true },
    announce: (_, { type }) => announced.push(type),
    keepUndelivered: () => undefined,
    isDelivered: () => true,
    onAnswered: () => undefined,
    onFenced: () => undefined,
    onUncommitted: () => undefined,
    onFailed: (_id, _window, error) => t.fail(String(error)),
  })
  const uncommitted = () => results.uncommitted('a').map(({ window }) => window)
  const sink = results.sinkOf({ sessionId: 'a', owner: 'one', epoch: 1, safe: plainSafe })
  const { measures, local } = analysisInput()
  const window = {
    ...{ number: 1, closedAt: 0, span: NO_SPAN, framesReceived: 40, measures, local, localMs: 1 },
    ...{ differences: null, learnt: new Uint8Array() },
  }

  const answered = sink.answered(byLocal(window, { modelOutcome: null }), 1)
  await new Promise(setImmediate)
  sink.skipped(2, 3, null)
  t.equal(writes.length, 2)
  t.ok(await answered)
  t.same(announced, ['window_answered'])
  t.same(uncommitted(), [1])
  writes[1]?.('dropped')
  await new Promise(setImmediate)
  t.same(uncommitted(), [1], 'the end of a later write says nothing of it')
  writes[0]?.('stored')
  await new Promise(setImmediate)
  t.same(uncommitted(), [])
})
