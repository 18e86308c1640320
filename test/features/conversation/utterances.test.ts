import t from 'tap'
import type { FindingRow } from '../../../src/features/conversation/repository.ts'
import { createThoughts } from '../../../src/features/conversation/thoughts.ts'

const SESSION = 'sess_1'
const ALWAYS = '난 항상 실패해'

/** The findings of a session, with a clock that only `wait` advances. */
function listen() {
  let now = 0
  const findings: FindingRow[] = []
  const thoughts = createThoughts({
    store: (finding) => void findings.push(finding),
    recall: async () => ({ offers: [], isCrisis: false }),
    onRecallFailed: (error) => t.fail(String(error)),
    monotonic: () => now,
  })
  const take = async (text: string, isSpoken: boolean) => {
    const found = await thoughts.read(SESSION, text, 'ko')
    thoughts.note(SESSION, { text, isSpoken }, found)
  }
  return {
    thoughts,
    say: (text: string) => take(text, true),
    write: (text: string) => take(text, false),
    wait: (ms: number) => {
      now += ms
    },
    types: () => findings.flatMap(({ detections }) => detections.map(({ type }) => type)),
    crises: () => findings.filter(({ isCrisis }) => isCrisis).length,
  }
}

t.test('speech and the message that repeats it are counted once, in either order', async (t) => {
  const { say, write, wait, types } = listen()
  await say(ALWAYS)
  wait(500)
  await write(`  ${ALWAYS.normalize('NFD')} `)
  t.same(types(), ['overgeneralisation'])
  wait(10_000)
  await write(ALWAYS)
  await say(ALWAYS)
  t.equal(types().length, 2, 'message before speech')
})

t.test('corrected speech is one utterance; only new findings are counted', async (t) => {
  const { say, write, wait, types } = listen()
  await say(ALWAYS)
  wait(1000)
  await say(`${ALWAYS}. 난 쓰레기야`)
  t.same(types(), ['overgeneralisation', 'labelling'])
  wait(500)
  await write(ALWAYS)
  await write(`${ALWAYS}. 난 쓰레기야`)
  t.equal(types().length, 2)
})

t.test('repeated messages, later speech and other words are counted each time', async (t) => {
  const { say, write, wait, types } = listen()
  await write(ALWAYS)
  await write(ALWAYS)
  t.equal(types().length, 2)
  wait(10_000)
  await say(ALWAYS)
  wait(6000)
  await write(ALWAYS)
  t.equal(types().length, 4, 'six seconds later')
  await say('난 쓰레기야')
  t.equal(types().length, 5, 'other words')
  await say('난 쓰레기야')
  t.equal(types().length, 6, 'said twice')
})

t.test('self-harm language is flagged once per utterance', (t) => {
  const { thoughts, wait, crises } = listen()
  t.equal(thoughts.flag(SESSION, { text: '죽고 싶어요', isSpoken: true }), true)
  wait(500)
  t.equal(thoughts.flag(SESSION, { text: '죽고 싶어요', isSpoken: false }), false)
  t.equal(crises(), 1)
  wait(500)
  thoughts.flag(SESSION, { text: '정말 죽고 싶어요', isSpoken: false })
  t.equal(crises(), 2)
  t.end()
})
