import { readFileSync } from 'node:fs'
import t from 'tap'
import { bearer, createAccount, startTestApp } from '../helpers/app.ts'

const PERSON = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
/** As curl sends it. */
const ANY = { accept: '*/*' }
/** Every page, as the console itself knows them. */
const ROUTES = [
  ...readFileSync(new URL('../../web/src/router.ts', import.meta.url), 'utf8').matchAll(
    /^ {2}'(\/[a-z]*)': \{ open/gm,
  ),
]

t.test('the console is served with a policy that allows only its own files', async (t) => {
  const { app } = await startTestApp(t, { env: { ANALYSIS_INTERVAL_MS: '7000' } })
  const get = (url: string, headers: Record<string, string> = PERSON) => app.inject({ url, headers })

  t.test('every client-side route returns the page', async (t) => {
    for (const url of ['/console', '/console/', '/console/operate', '/console/a/b']) {
      const { statusCode, headers, body } = await get(url)
      t.equal(statusCode, 200, url)
      t.match(headers['content-type'], 'text/html')
      t.match(body, '<script type="module"')
      t.notMatch(body, /<script>|<style|style="| on\w+="/, 'nothing in it is inline')
      const policy = String(headers['content-security-policy'])
      t.match(policy, "default-src 'none'; script-src 'self'; style-src 'self'")
      t.notMatch(policy, /unsafe|\*|https?:/)
      t.equal(headers['cache-control'], 'no-cache')
    }
  })

  t.test('every page has an address for any client, with GET and HEAD', async (t) => {
    t.ok(ROUTES.length > 5)
    for (const url of [
      '/console',
      ...ROUTES.map(([, path = '']) => `/console${path}`),
      '/console/operate/?a=b',
    ])
      for (const headers of [PERSON, ANY, {}])
        for (const method of ['GET', 'HEAD'] as const) {
          const answer = await app.inject({ method, url, headers })
          t.equal(answer.statusCode, 200, `${method} ${url}`)
          t.match(answer.headers, {
            'content-type': 'text/html',
            'content-security-policy': "script-src 'self'",
          })
          t.equal(answer.body === '', method === 'HEAD')
        }
  })

  t.test('only the page of the face model may evaluate code, and it has an opaque origin', async (t) => {
    const { headers } = await get('/console/face.html')
    const policy = String(headers['content-security-policy'])
    t.match(policy, "script-src 'self' 'unsafe-eval'")
    t.match(policy, /sandbox allow-scripts$/)
    t.match(policy, "frame-ancestors 'self'")
    const model = await get('/console/face-mesh/face_mesh.js')
    t.equal(model.headers['access-control-allow-origin'], '*', 'so that the sandboxed page may load it')
  })

  t.test('the model, the recording and the data for the page are served', async (t) => {
    const wasm = await get('/console/face-mesh/face_mesh_solution_simd_wasm_bin.wasm', {
      'accept-encoding': 'gzip',
    })
    t.match(wasm.headers, { 'content-type': 'application/wasm', 'content-encoding': 'gzip' })
    const recording = await get('/console/recording/avatar.jsonl.gz', { 'accept-encoding': 'gzip' })
    t.equal(recording.headers['content-encoding'], undefined, 'the page unpacks it itself')
    t.same([...recording.rawPayload.subarray(0, 2)], [0x1f, 0x8b])
    const about = await get('/console/about.json')
    t.match(about.json(), { intervalMs: 7000, model: null, version: String })
  })

  t.test('a missing file is not found, nor any file outside its folder', async (t) => {
    for (const url of [
      '/console/assets/none.js',
      '/console/assets/none',
      '/console/assets',
      '/console/face-mesh/none',
      '/console/none.json',
      '/console/../package.json',
      '/console/%2e%2e/main.js',
      '/console/..%2fmain.js',
      '/console/..%5cmain.js',
    ]) {
      const { statusCode, body } = await get(url)
      t.not(statusCode, 200, url)
      t.notMatch(body, /buildApp|"dependencies"/)
    }
    const machine = await get('/console/report', { accept: 'application/json' })
    t.equal(machine.statusCode, 404)
    t.match(machine.json(), { error: { code: 'NOT_FOUND' } })
  })
})

t.test('refusals are counted by error code', async (t) => {
  const server = await startTestApp(t)
  const { accessToken } = await createAccount(server)
  const count = async (code: string) => {
    const { body } = await server.app.inject({ url: '/metrics' })
    return Number(new RegExp(`^maeum_errors_total\\{code="${code}"\\} (\\d+)`, 'm').exec(body)?.[1] ?? 0)
  }
  await server.app.inject({ url: '/api/auth/me' })
  await server.app.inject({ url: '/api/session/none', headers: bearer(accessToken) })
  await server.app.inject({ url: '/api/session/none', headers: bearer(accessToken) })
  t.same([await count('UNAUTHORIZED'), await count('SESSION_NOT_FOUND')], [1, 2])
})
