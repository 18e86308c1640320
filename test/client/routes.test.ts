import { readFileSync } from 'node:fs'
import t from 'tap'
import { startTestApp } from '../helpers/app.ts'
import { clientOf, film, signedUp, watch } from './kit.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** Reached by `fetch`, and why `call` does not take them. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'GET /api/health': 'for whoever watches the process; no envelope',
  'GET /health': 'the same',
  'GET /api/health/ready': 'the same',
  'GET /api/session/:id/report/pdf': 'a file',
  'GET /api/session/:id/report/csv': 'a file',
}

type Operation = {
  readonly parameters?: readonly { readonly in: string }[]
  readonly requestBody?: unknown
}

/** What each route of the document takes. */
function documented(): Map<string, string> {
  const { paths } = JSON.parse(read('openapi.json')) as { paths: Record<string, Record<string, Operation>> }
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => {
      const places = new Set(parameters.map((one) => one.in))
      if (requestBody !== undefined) places.add('body')
      const route = `${method.toUpperCase()} ${path.replace('{id}', ':id')}`
      return [route, ['path', 'query', 'body'].filter((place) => places.has(place)).join(' ')] as const
    }),
  )
  return new Map(routes)
}

/** The same of each route of the client's table. */
function tabled(): Map<string, string> {
  const table = read('client/routes.ts').split('export type Routes = {')[1] ?? ''
  const [, ...entries] = table.split(/^ {2}(?=')/m)
  const takes = (entry: string) => [
    /\bWithId\b/.test(entry) && 'path',
    /\bQuery</.test(entry) && 'query',
    /\b(?:Body<|Form\b)/.test(entry) && 'body',
  ]
  return new Map(
    entries.map((entry) => [/'(.+?)'/.exec(entry)?.[1] ?? '', takes(entry).filter(Boolean).join(' ')]),
  )
}

t.test('every route of the document can be called, with all that it takes', async (t) => {
  const [all, table] = [documented(), tabled()]
  t.ok(all.size > 30 && table.size > 30)
  t.same(
    [...all.keys()].filter((route) => !table.has(route) && !(route in LEFT_OUT)),
    [],
    'none is missing',
  )
  t.same(
    [...table.keys(), ...Object.keys(LEFT_OUT)].filter((route) => !all.has(route)),
    [],
    'none is made up',
  )
  for (const [route, takes] of table) t.equal(takes, all.get(route), route)
})

t.test('lists are read page by page, by the typed names of what they take', async (t) => {
  const { origin } = await startTestApp(t, { model: null, env: { ANALYSIS_INTERVAL_MS: '500' } })
  const client = await signedUp(origin)
  for (const type of ['video', 'phone', 'visit'])
    await client.call('POST /api/counselings', { body: { type } })
  const first = await client.call('GET /api/counselings', { query: { limit: 2 } })
  const cursor = first.nextCursor ?? ''
  const second = await client.call('GET /api/counselings', { query: { limit: 2, cursor } })
  t.same(
    [...first.counselings, ...second.counselings].map(({ type }) => type),
    ['visit', 'phone', 'video'],
  )
  t.equal(second.nextCursor, null)

  const session = await client.startSession()
  const seen = watch(t, session)
  film(t, session)
  await seen.has('emotion', 2)
  await session.end()
  await seen.has('ended')
  const params = { id: session.id }
  const one = await client.call('GET /api/session/:id/timeline', { params, query: { limit: 1 } })
  const next = await client.call('GET /api/session/:id/timeline', {
    params,
    query: { limit: 1, cursor: one.nextCursor ?? '' },
  })
  t.same([one.windows.length, next.windows.length], [1, 1])
  t.ok(Number(one.windows[0]?.window) < Number(next.windows[0]?.window))
})

t.test('an appointment is moved and answered about, and a text is read', async (t) => {
  const { origin } = await startTestApp(t)
  const client = await signedUp(origin)
  const { id } = await client.call('POST /api/counselings', { body: { type: 'video' } })
  const params = { id }
  await client.call('PATCH /api/counselings/:id', { params, body: { status: 'confirmed' } })
  await client.call('PATCH /api/counselings/:id', { params, body: { status: 'completed' } })
  await client.call('POST /api/counselings/:id/survey', { params, body: { responses: { helpful: 5 } } })
  t.match(await client.call('GET /api/counselings/:id', { params }), {
    status: 'completed',
    survey: { helpful: 5 },
  })
  t.match(await client.call('POST /api/emotion', { body: { text: '오늘은 정말 기뻐요!' } }), {
    emotion: 'happy',
  })
})

t.test('a recording goes as a form', async (t) => {
  const arrived: Request[] = []
  const client = clientOf('http://maeum.test', {
    fetch: async (input, init) => {
      arrived.push(new Request(input, init))
      return Response.json({ success: true, data: { text: '안녕하세요' } })
    },
  })
  const body = new FormData()
  body.set('audio', new Blob(['...'], { type: 'audio/webm' }))
  t.match(await client.call('POST /api/stt/transcribe', { body }), { text: '안녕하세요' })
  t.match(arrived[0]?.headers.get('content-type'), /^multipart\/form-data; boundary=/)
  t.match(await arrived[0]?.text(), /name="audio"[^]*audio\/webm/)
})

t.test('who signs up with a common password is told so', async (t) => {
  const { origin } = await startTestApp(t)
  const account = { username: 'haneul', email: 'haneul@example.com', password: 'password123' }
  t.match(await clientOf(origin, { language: 'en' }).signup(account), {
    user: { username: 'haneul' },
    hints: [{ field: 'password', message: String }],
  })
})

t.test('a page that changes its language is answered in the new one', async (t) => {
  const { origin } = await startTestApp(t)
  let language = 'en'
  const client = clientOf(origin, { language: () => language })
  const refused = () => client.login({ email: 'nobody@example.com', password: 'wrong' })
  await t.rejects(refused(), { message: 'Incorrect e-mail or password.' })
  language = 'ko'
  await t.rejects(refused(), { message: '이메일 또는 비밀번호가 올바르지 않습니다.' })
})
