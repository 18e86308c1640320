import t from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import type { Instance } from '../../helpers/fleet.ts'
import { request } from '../../helpers/person.ts'
import { accountScenarios } from './accounts.ts'
import { contentScenarios } from './contents.ts'
import { sessionScenarios } from './sessions.ts'
import { isReady, setStage } from './stage.ts'

// Asynchronous replication loses what was committed last. Two processes live through one such failover, in the middle of
// everything that people do with them.
t.jobs = 50

const PACE_MS = 200
/** Answers in a row that show that an instance serves everything again. */
const IN_ORDER = 20

const stage = await setStage(t)
const { a, b, moments, postgres } = stage
const bystander = await stage.person()

type Seen = { readonly at: number; readonly status: number }

/** Somebody who asks one instance for one thing after the other, all the time. */
function askAlways(instance: Instance) {
  const token = bystander.accessToken
  const seen: Seen[] = []
  const readiness: { readonly at: number; readonly status: number }[] = []
  const work = [
    () => request(instance, 'GET', '/api/auth/me', { token }),
    () => request(instance, 'GET', '/api/session', { token }),
    () =>
      request(instance, 'PUT', '/api/user/preferences', {
        token,
        body: { preferences: { fontScale: 'lg' } },
      }),
    () => request(instance, 'GET', '/api/dashboard/summary', { token }),
    () => request(instance, 'POST', '/api/feedback', { token, body: { rating: 5 } }),
  ]
  let turn = 0
  const pulse = setInterval(() => {
    const at = performance.now()
    work[turn++ % work.length]?.().then(
      ({ status }) => seen.push({ at, status }),
      () => seen.push({ at, status: 0 }),
    )
    fetch(`${instance.origin}/api/health/ready`).then(
      ({ status }) => readiness.push({ at, status }),
      () => readiness.push({ at, status: 0 }),
    )
  }, PACE_MS)
  t.teardown(() => clearInterval(pulse))
  return { seen, readiness, stop: () => clearInterval(pulse) }
}

sessionScenarios(stage)
accountScenarios(stage)
contentScenarios(stage)

await moments.awaited('detached')
await postgres.detach()
const traffic = [a, b].map(askAlways)
moments.reach('detached')
await moments.awaited('promoted')

await postgres.crash()
await Promise.all([a.line.cut(), a.noticeLine.cut()])
await eventually(
  () => traffic.flatMap(({ seen, readiness }) => [seen, readiness]),
  (all) => all.every((answers) => answers.some(({ status }) => status === 503)),
)
await postgres.promote()
await isReady(b, 200)
moments.reach('promoted')
await moments.awaited('recovered')

await Promise.all([a.line.mend(), a.noticeLine.mend()])
await isReady(a, 200)
const recoveredAt = performance.now()
moments.reach('recovered')

t.test('REST answers 503 while the database is away, and never 500', { buffered: true }, async (t) => {
  const isServing = () =>
    traffic.every(({ seen }) => {
      const last = seen.filter(({ at }) => at > recoveredAt).slice(-IN_ORDER)
      return last.length === IN_ORDER && last.every(({ status }) => status < 300)
    })
  await eventually(isServing, Boolean)
  for (const { seen, readiness, stop } of traffic) {
    stop()
    t.same([...new Set(seen.map(({ status }) => status))].sort(), [200, 201, 503], 'nothing else')
    const red = readiness.findIndex(({ status }) => status === 503)
    const green = readiness.findIndex(({ status }, place) => place > red && status === 200)
    t.ok(red >= 0 && green > red, 'readiness turns red, then green')
  }
  for (const { log } of [a, b]) t.notMatch(log, /an old refresh token was used again/)
})
