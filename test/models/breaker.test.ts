import t from 'tap'
import { createBreaker } from '../../src/models/breaker.ts'

t.test(
  'a third of failures does not open a circuit, a failed probe opens it for longer, late verdicts do not count',
  async (t) => {
    let now = 0
    const breaker = createBreaker({ now: () => now, random: () => 0.5 })
    for (let call = 0; call < 3000; call++) {
      const permit = breaker.admit()
      if (call % 3 === 0) permit?.failed()
      else permit?.succeeded()
    }
    t.equal(breaker.state(), 'closed')
    const early = breaker.admit()
    for (let call = 0; breaker.state() === 'closed'; call++) {
      breaker.admit()?.failed()
      t.ok(call < 12)
    }
    early?.succeeded()
    t.equal(breaker.state(), 'open')
    for (const openMs of [5000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      now += openMs - 1
      t.equal(breaker.admit(), undefined)
      now += 1
      const probe = breaker.admit()
      t.equal(breaker.admit(), undefined)
      probe?.failed()
      probe?.succeeded()
      t.equal(breaker.state(), 'open', 'the first report counts')
    }
  },
)
