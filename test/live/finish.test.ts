import t from 'tap'
import { createFinish } from '../../src/live/finish.ts'

/** The end of one session; steps that are named in `failing` fail. */
function setUp(failing: readonly string[] = []) {
  const steps: string[] = []
  const failed: string[] = []
  const step = (name: string) => () => {
    steps.push(name)
    if (failing.includes(name)) throw new Error(name)
  }
  const later = (name: string) => async () => step(name)()
  const finish = createFinish({
    discard: step('discard'),
    closeWindow: later('close window'),
    voice: {
      finish: (_, isForgotten) => step(isForgotten ? 'forget voice' : 'close voice')(),
      settled: later('voice'),
    },
    conversation: { finish: step('close conversation'), settled: later('conversation') },
    windows: { settled: later('windows') },
    announceFinished: step('close sockets'),
    makeReport: later('report'),
    carryBaseline: later('baseline'),
    releaseLease: later('lease'),
    onFailed: (name) => void failed.push(name),
  })
  return { finish, steps, failed }
}

const LAST = [
  'close window',
  'close sockets',
  'windows',
  'voice',
  'conversation',
  'baseline',
  'report',
  'lease',
]

t.test('the last answer is out before the sockets close, and all is stored before the report', async (t) => {
  const { finish, steps } = setUp()
  await finish('sess_1', 'requested')
  t.same(steps, ['close voice', 'close conversation', ...LAST])
})

t.test(
  'after a withdrawal of consent the lease is released before anything else can act under it',
  async (t) => {
    const { finish, steps } = setUp()
    await finish('sess_1', 'consent_withdrawn')
    t.same(steps, ['forget voice', 'close conversation', 'discard', 'lease', ...LAST])
  },
)

t.test('a step that fails is reported, and the lease is released all the same', async (t) => {
  const { finish, steps, failed } = setUp(['close window', 'voice', 'report', 'baseline'])
  await finish('sess_1', 'requested')
  t.same(failed, ['last window', 'results', 'baseline', 'report'])
  t.equal(steps.at(-1), 'lease')
})

t.test('a step that throws at once stops none of the others', async (t) => {
  const { finish, steps, failed } = setUp(['forget voice', 'close conversation', 'discard', 'close sockets'])
  await finish('sess_1', 'consent_withdrawn')
  t.same(steps, ['forget voice', 'close conversation', 'discard', 'lease', ...LAST])
  t.same(failed, ['voice', 'conversation', 'results', 'sockets'])
})
