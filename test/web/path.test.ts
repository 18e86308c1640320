import { once } from 'node:events'
import { createServer, request as ask, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { withoutBasePath } from '../../src/lib/base-path.ts'
import { startTestApp } from '../helpers/app.ts'
import { signUp, skip, visit } from './browser.ts'

const PATH = '/services/maeum'

/** A proxy that publishes a server below a path, with what it was asked for elsewhere. */
async function startProxy(t: Test, takesPathAway: boolean) {
  let target = ''
  const elsewhere: string[] = []
  const forward = ({ method, headers, url = '' }: IncomingMessage) => {
    if (!url.startsWith(`${PATH}/`)) elsewhere.push(url)
    return ask(target + (takesPathAway ? url.slice(PATH.length) : url), { method, headers })
  }
  const server = createServer((request, response) => {
    const forwarded = forward(request)
    forwarded.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    forwarded.on('error', () => response.destroy())
    request.pipe(forwarded)
  })
  server.on('upgrade', (request, socket) => {
    const forwarded = forward(request)
    forwarded.on('upgrade', ({ rawHeaders }, upstream, head) => {
      const lines = rawHeaders.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('')
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`)
      socket.write(head) // the server greets in the same moment
      for (const [from, to] of [
        [socket, upstream],
        [upstream, socket],
      ] as const)
        from.pipe(to).on('error', () => from.destroy())
    })
    forwarded.on('error', () => socket.destroy())
    forwarded.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // listening on TCP
  return { origin, elsewhere, leadTo: (next: string) => void (target = next) }
}

for (const takesPathAway of [true, false]) {
  const how = takesPathAway ? 'takes the path away' : 'passes the path on'
  t.test(`below a path, behind a proxy that ${how}, the console does all it does`, { skip }, async (t) => {
    const { origin, elsewhere, leadTo } = await startProxy(t, takesPathAway)
    const server = await startTestApp(t, {
      env: { PUBLIC_URL: origin + PATH, ANALYSIS_INTERVAL_MS: '4000', ANALYSIS_DEADLINE_MS: '3000' },
    })
    leadTo(server.origin)
    const { page, faults } = await visit(t, { origin })
    await signUp(page, `${PATH}/`)
    const [cookie] = await page.context().cookies(`${origin}${PATH}/api/auth/login`)
    t.equal(cookie?.path, `${PATH}/api/auth`, 'the device is known again')

    await page.getByRole('link', { name: 'Play the demo recording' }).click()
    await page
      .getByRole('button', { name: 'Start the session' })
      .and(page.locator(':not([aria-disabled])'))
      .click()
    await page.getByText('Connected').waitFor()
    await page.locator('.windows [data-window="1"]').waitFor({ state: 'attached' })
    await page.getByRole('button', { name: 'End', exact: true }).click()
    await page.locator('.lead', { hasText: 'Most frequent expression' }).waitFor()
    t.equal(new URL(page.url()).pathname, `${PATH}/console/report`)
    await page.reload()
    await page.locator('.chart canvas').waitFor()
    await page.goto(`${PATH}/console/some/where`)
    await page.getByRole('heading', { name: 'Page not found' }).waitFor()
    await page.goto(`${PATH}/console/operate`)
    await page.getByText('Lost windows').waitFor()

    t.comment('the face model, in its frame without an origin')
    await page.goto(`${PATH}/console/session`)
    await page.locator('.checks li', { hasText: 'Face model' }).and(page.locator('.good')).waitFor()
    t.same(elsewhere, [])
    t.same(faults, [])
  })
}

t.test('only what is ours without the path is taken for passed on', async (t) => {
  t.equal(withoutBasePath('/maeum/api/auth/me?x=1', '/maeum'), '/api/auth/me?x=1')
  t.equal(withoutBasePath('/maeum/?x', '/maeum'), '/?x')
  t.equal(withoutBasePath('/maeum', '/maeum'), '/maeum')
  t.equal(withoutBasePath('/maeumness/api', '/maeum'), '/maeumness/api')
  t.equal(withoutBasePath('/api/auth/login', '/api'), '/api/auth/login', 'a proxy has taken /api away')
  t.equal(withoutBasePath('/api/api/auth/login', '/api'), '/api/auth/login')
  t.equal(withoutBasePath('/ws/landmarks?sessionId=1', ''), '/ws/landmarks?sessionId=1')
})
