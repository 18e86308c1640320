import t, { type Test } from 'tap'
import { createHedging } from '../../../src/live/model/hedging.ts'
import * as steps from '../../helpers/gemini-steps.ts'
import { createTestAnalyser } from '../../helpers/models.ts'

/** An analyser that has learnt that answers take 300 ms, by a clock that runs with the requests, and its next steps. */
async function warmedUp(t: Test, next: readonly steps.Step[]) {
  let clock = 0
  let asked = 0
  const setting = await createTestAnalyser(
    t,
    () => {
      clock += 300
      return next[asked++ - 30] ?? steps.answer()
    },
    { now: () => clock },
  )
  for (let window = 0; window < 30; window++) await setting.analyse()
  t.equal(setting.calls.length, 30, 'no second request while all is as usual')
  return setting
}

t.test('a slow request gets a second one, the first answer counts, and the other is cut off', async (t) => {
  const { double, analyse, calls } = await warmedUp(t, [steps.hangBeforeHeaders()])
  t.match(await analyse(), { outcome: 'answered' })
  t.strictSame(
    calls.slice(30).map(({ outcome, kind }) => [outcome, kind]),
    [
      ['answered', 'hedge'],
      ['aborted', 'first'],
    ],
  )
  await double.connectionClosed()
})

t.test('when a second request fails the first is still waited for', async (t) => {
  let release = (): void => undefined
  const slow = new Promise<void>((resolve) => (release = resolve))
  const failing: steps.Step = (request, response) => {
    response.on('close', () => setTimeout(release, 20))
    return steps.overloaded()(request, response)
  }
  const { analyse, calls } = await warmedUp(t, [steps.answer(steps.HAPPY, { after: slow }), failing])
  t.match(await analyse(), { outcome: 'answered' })
  t.strictSame(
    calls.slice(30).map(({ outcome }) => outcome),
    ['overloaded', 'answered'],
  )
})

t.test('second requests are one in twenty', async (t) => {
  const hedging = createHedging()
  t.equal(hedging.first(), undefined, 'nothing is known yet')
  for (let ms = 1; ms <= 200; ms++) hedging.answered(ms)
  let second = 0
  for (let request = 1; request < 2000; request++) {
    t.ok(Number(hedging.first()) >= 194 && Number(hedging.first()) <= 196) // of the last hundred; asks twice
    if (hedging.spend()) second++
  }
  t.ok(second >= 195 && second <= 200, `${second} of 3998`)
})
