import t from 'tap'
import { createOutages } from '../../src/db/outages.ts'
import { errorCode, isOutage } from '../../src/db/faults.ts'
import { createLineLimit } from '../../src/lib/line-limit.ts'

type Line = { readonly text: string } & Record<string, unknown>

const coded = (code: string, rest: object = {}) =>
  Object.assign(new Error(`an error ${code}`), { code, ...rest })
const REFUSED = coded('ECONNREFUSED')

/** An outage log whose clock and database the test sets. */
function setUp() {
  const lines: Line[] = []
  const state = { now: 0, takesWrites: false }
  const outages = createOutages({
    log: (about, text) => lines.push({ text, ...about }),
    takesWrites: () => (state.takesWrites ? Promise.resolve(true) : Promise.reject(REFUSED)),
    monotonic: () => state.now,
  })
  const lookAt = async (now: number) => {
    state.now = now
    await outages.look()
  }
  return { lines, state, outages, lookAt }
}

t.test('an outage is a line when it begins, one a minute while it lasts, and one when it ends', async (t) => {
  const { lines, state, outages, lookAt } = setUp()
  outages.countWaiting(() => 7)
  const detail = 'terminating connection due to administrator command'
  outages.report(coded('57P01', { severity: 'FATAL', message: detail }), 'results wait for the database')
  t.match(lines, [{ text: /^the database is unavailable/, reason: '57P01', detail }])
  for (let now = 1000; now < 90_000; now += 1000) {
    outages.report(REFUSED, 'results wait for the database', { waiting: 3 })
    outages.report(REFUSED, 'leases could not be renewed')
    if (now <= 10_000) t.ok(outages.explainsRefusal(new Error('wrapped', { cause: REFUSED })))
    await lookAt(now)
  }
  t.equal(lines.length, 2)
  t.match(lines[1], { text: 'the database is still unavailable', seconds: 60, requests: 10, waiting: 7 })
  t.same(lines[1]?.['errors'], { '57P01': 1, ECONNREFUSED: 60 * 2 + 10 })
  state.takesWrites = true
  await lookAt(90_000)
  t.equal(lines.length, 2, 'the last failure is too recent')
  await lookAt(91_500)
  t.match(lines[2], { text: 'the database is available again', seconds: 89, requests: 10, waiting: 7 })
  t.same(lines[2]?.['errors'], { ECONNREFUSED: 29 * 2 })
  await lookAt(1_000_000)
  t.equal(lines.length, 3)
})

t.test('a database that answers while its writes fail is unavailable until they succeed', async (t) => {
  const { lines, state, outages, lookAt } = setUp()
  state.takesWrites = true
  for (let now = 0; now < 30_000; now += 500) {
    outages.report(coded('53100'), 'results wait for the database')
    await lookAt(now)
  }
  t.match(lines, [{ text: /^the database is unavailable/, reason: '53100' }])
  t.equal(lines.length, 1)
})

t.test('an outage that begins again and again is not two lines each time', async (t) => {
  const { lines, state, outages, lookAt } = setUp()
  state.takesWrites = true
  for (let now = 0; now < 600_000; now += 1000) {
    if (now % 5000 === 0) outages.report(REFUSED, 'results wait for the database')
    await lookAt(now)
  }
  t.ok(lines.length < 20, `${lines.length} lines in ten minutes`)
})

t.test('other errors are logged whole, each text and code once a minute with the number left out', (t) => {
  const { lines, state, outages } = setUp()
  const error = coded('42P01')
  for (state.now = 0; state.now <= 60_000; state.now += 500)
    outages.report(error, 'sessions could not be polled')
  outages.report(error, 'leases could not be renewed')
  outages.report(coded('42703'), 'leases could not be renewed')
  t.same(
    lines.map(({ text, err, omitted }) => [text, errorCode(err), omitted]),
    [
      ['sessions could not be polled', '42P01', undefined],
      ['sessions could not be polled', '42P01', 119],
      ['leases could not be renewed', '42P01', undefined],
      ['leases could not be renewed', '42703', undefined],
    ],
  )
  t.notOk(outages.explainsRefusal(error), 'and do not explain why a request is refused')
  t.end()
})

t.test('an outage explains only what the database caused', (t) => {
  const { outages } = setUp()
  outages.explains(REFUSED)
  t.ok(outages.explains(coded('57014')), 'a timeout during an outage')
  t.notOk(outages.explains(coded('23505')), 'a violated constraint')
  t.notOk(outages.explains(new TypeError('a bug')))
  t.end()
})

t.test('an unavailable server is distinguished from a statement that fails', (t) => {
  for (const code of [
    '08006',
    '28P01',
    '3D000',
    '53300',
    '57P03',
    '58030',
    '25006',
    'ETIMEDOUT',
    'CONNECT_TIMEOUT',
  ])
    t.ok(isOutage(new Error('a query failed', { cause: coded(code) })), code)
  for (const code of [
    '57014',
    '40001',
    '42P01',
    '42883',
    '23505',
    'XX000',
    'CONNECTION_ENDED',
    'LATE_COMMIT',
  ])
    t.notOk(isOutage(coded(code)), code)
  t.notOk(isOutage(new Error('no database error')))
  t.end()
})

t.test('lines are limited by key', (t) => {
  let now = 0
  const admit = createLineLimit(() => now)
  t.same([admit('a'), admit('a'), admit('b'), admit('a')], [0, undefined, 0, undefined])
  now = 60_000
  t.same([admit('a'), admit('b'), admit('b')], [2, 0, undefined])
  t.end()
})
