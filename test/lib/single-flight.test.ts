import t from 'tap'
import { createSingleFlight } from '../../src/lib/single-flight.ts'

t.test('callers share the run in progress; the next call starts it again', async (t) => {
  const ends: ((value: string) => void)[] = []
  const asked: number[] = []
  const flight = createSingleFlight((n: number) => {
    asked.push(n)
    return new Promise<string>((resolve) => ends.push(resolve))
  })
  t.equal(flight.current, undefined)
  const [one, two] = [flight.run(1), flight.run(2)]
  t.equal(flight.current, one)
  ends[0]?.('first')
  t.same(await Promise.all([one, two]), ['first', 'first'])
  const three = flight.run(3)
  ends[1]?.('second')
  t.equal(await three, 'second')
  t.same(asked, [1, 3])
})

t.test('a failure rejects for all callers of the run, and the next run starts again', async (t) => {
  let fails = true
  const flight = createSingleFlight(async () => {
    if (fails) throw new Error('away')
    return 'here'
  })
  const both = [flight.run(), flight.run()]
  for (const one of both) await t.rejects(one, /away/)
  fails = false
  t.equal(await flight.run(), 'here')
})
