import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startTestApp } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { skip, visit } from '../web/browser.ts'
import { bundle } from './bundled.ts'
import { FACE, numbersOf, polite, startFake } from './kit.ts'

const CREDENTIALS = { username: 'haneul', email: 'haneul@example.com', password: 'password123' }
const WITHOUT_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined })"
const ASK = "client.call('GET /api/auth/me').then(({ user }) => user.username)"

async function load(page: Page): Promise<void> {
  const { code } = await bundle({ minify: false, format: 'iife' })
  await page.evaluate(`${code}; globalThis.maeum = maeum; globalThis.client = maeum.createClient()`)
}

/** Two tabs of one person, whose access token has run out, and how often it was renewed. */
async function twoTabs(t: Test, script = '') {
  const { origin } = await startTestApp(t)
  const { page: first } = await visit(t, { origin, blind: true })
  await first.context().addInitScript(script)
  let renewals = 0
  first.context().on('request', (request) => {
    if (request.url().endsWith('/api/auth/refresh')) renewals++
  })
  const second = await first.context().newPage()
  for (const page of [first, second]) {
    await page.goto('/console/login')
    await load(page)
  }
  await first.evaluate(`client.signup(${JSON.stringify(CREDENTIALS)}).then(() => null)`)
  // What one tab stores, another sees a moment later.
  const secondSees = (accept: (kept: string) => boolean) =>
    eventually(
      () => second.evaluate<string | null>("localStorage.getItem('maeum.tokens')"),
      (kept) => kept !== null && accept(kept),
    )
  await secondSees(() => true)
  for (const page of [first, second]) await page.evaluate(ASK)
  await first.evaluate(`(() => {
    const kept = JSON.parse(localStorage.getItem('maeum.tokens'))
    localStorage.setItem('maeum.tokens', JSON.stringify({ ...kept, accessToken: 'x.y.z' }))
  })()`)
  await secondSees((kept) => kept.includes('x.y.z'))
  return { first, second, secondSees, renewals: () => renewals }
}

for (const [how, script] of [
  ['with Web Locks', ''],
  ['without', WITHOUT_LOCKS],
] as const) {
  t.test(`two tabs of a browser that renew at once stay logged in, ${how}`, { skip }, async (t) => {
    const { first, second, renewals } = await twoTabs(t, script)
    const asked = await Promise.all([first.evaluate(ASK), second.evaluate(ASK), first.evaluate(ASK)])
    t.same(asked, ['haneul', 'haneul', 'haneul'])
    // One for each tab at most: nothing orders the grant of a lock and what storage shows in another process.
    t.ok(renewals() <= 2, `${renewals()} renewals`)
    t.same([await first.evaluate(ASK), await second.evaluate(ASK)], ['haneul', 'haneul'])
  })
}

t.test('a tab that waited for the lock takes the tokens that were stored meanwhile', { skip }, async (t) => {
  const { first, second, secondSees, renewals } = await twoTabs(t)
  await first.evaluate(`new Promise((held) => {
    void navigator.locks.request('maeum.refresh ' + location.origin, () => {
      held(null)
      return new Promise((letGo) => { globalThis.letGo = letGo })
    })
  })`)
  const asked = second.evaluate(ASK)
  await eventually(
    () => first.evaluate<number>('navigator.locks.query().then(({ pending }) => pending.length)'),
    (waiting) => waiting === 1,
  )
  await first.evaluate(`(async () => {
    const { refreshToken } = JSON.parse(localStorage.getItem('maeum.tokens'))
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ refreshToken })
    const answer = await fetch('/api/auth/refresh', { method: 'POST', headers, body })
    const { data } = await answer.json()
    localStorage.setItem('maeum.tokens', JSON.stringify(data))
  })()`)
  await secondSees((kept) => !kept.includes('x.y.z'))
  await first.evaluate('letGo()')
  t.equal(await asked, 'haneul')
  t.equal(renewals(), 1)
})

t.test('a tab that is frozen while it renews stops no other, and stays logged in', { skip }, async (t) => {
  const { first, second } = await twoTabs(t)
  const session = await first.context().newCDPSession(first)
  const freeze = (state: 'frozen' | 'active') => session.send('Page.setWebLifecycleState', { state })
  let letGo: () => void = () => undefined
  const isHeld = new Promise<void>((held) => {
    void first.route('**/api/auth/refresh', async (route) => {
      const answer = await route.fetch()
      held()
      await new Promise<void>((resolve) => {
        letGo = resolve
      })
      await route.fulfill({ response: answer })
    })
  })
  const asked = first.evaluate(ASK)
  await isHeld
  await freeze('frozen')
  letGo()
  t.equal(await second.evaluate(ASK), 'haneul')
  await freeze('active')
  t.equal(await asked, 'haneul')
  t.equal(await second.evaluate(ASK), 'haneul', 'and its renewal has revoked nothing')
})

for (const [how, leave] of [
  ['that is gone', 'terminate'],
  ['on which nothing moves', 'pause'],
] as const) {
  t.test(`a page that wakes with a connection ${how} goes on with another`, { skip }, async (t) => {
    let isAwake = true
    const fake = await startFake(t, { onSocket: polite({ answers: () => isAwake }), page: '<!doctype html>' })
    const { page } = await visit(t, { origin: fake.origin, blind: true })
    await page.goto('/')
    await load(page)
    await page.evaluate(`(async () => {
      const options = { channels: ['landmarks'], reconnect: { heartbeatMs: 500, baseMs: 20 } }
      const session = await client.startSession(options)
      const face = ${JSON.stringify(FACE)}
      setInterval(() => session.push(face, { width: 640, height: 480 }), 50)
    })()`)
    const framesOf = (at: number) =>
      eventually(
        () => fake.sockets[at],
        (socket) => socket !== undefined && numbersOf(socket).length > 2,
      )
    await framesOf(0)
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
    isAwake = false
    fake.sockets[0]?.raw[leave]()
    await devtools.send('Page.setWebLifecycleState', { state: 'active' })
    await eventually(
      () => fake.sockets.length,
      (count) => count > 1,
    )
    isAwake = true
    const [, second] = fake.sockets
    await eventually(
      () => second?.received.some((text) => typeof text === 'string' && text.includes('"resume"')),
      (has) => has === true,
    )
    await framesOf(fake.sockets.length - 1)
  })
}
