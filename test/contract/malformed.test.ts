import fc from 'fast-check'
import t from 'tap'
import {
  type Account,
  bearer,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'
import { malformedRequests, mistypedBodies, type OpenApi, routesOf } from '../helpers/malformed.ts'

const SEED = 20_261_123
const REQUESTS_A_ROUTE = 25
/** What a route without its model says, however well it was asked. */
const HONEST = new Set(['STT_UNAVAILABLE', 'AI_UNAVAILABLE'])
/** Stands in everything that the other person has stored. */
const SECRET = 'belongs-to-somebody-else'

type Failed = { success: boolean; error: { code: string; message: string; details?: unknown } }

/** Somebody with something of each kind that there is. */
async function createVictim(server: TestApp) {
  const { app, database } = server
  const victim = await createAccount(server)
  const call = (method: 'POST' | 'PUT', url: string, payload: object = {}) =>
    app.inject({ method, url, payload, headers: bearer(victim.accessToken) })
  const live = await startSession(server, victim)
  const over = await startSession(server, victim)
  await database.sql`update sessions set labels = ${JSON.stringify({ userId: SECRET })}::text::jsonb where user_id = ${victim.id}`
  await call('POST', `/api/session/${over.sessionId}/end`)
  await call('POST', `/api/session/${over.sessionId}/feedback`, { rating: 3, note: SECRET })
  await call('PUT', '/api/user/preferences', { preferences: { mine: SECRET } })
  const booked = await call('POST', '/api/counselings', { type: SECRET, notes: SECRET })
  const { id } = booked.json<{ data: { id: string } }>().data
  await app.inject({ url: `/api/session/${over.sessionId}/summary`, headers: bearer(victim.accessToken) })
  return { id: victim.id, ids: [live.sessionId, over.sessionId, id, String(victim.id)] }
}

/** All that the database holds of one user, as text. */
async function rowsOf({ database: { sql } }: TestApp, userId: number): Promise<string> {
  const [row] = await sql`select jsonb_build_object(
    'user', (select jsonb_agg(u order by u.id) from users u where id = ${userId}),
    'families', (select jsonb_agg(f order by f.id) from refresh_families f where user_id = ${userId}),
    'preferences', (select jsonb_agg(p) from user_preferences p where user_id = ${userId}),
    'sessions', (select jsonb_agg(s order by s.id) from sessions s where user_id = ${userId}),
    'reports', (select jsonb_agg(r order by r.id) from reports r join sessions s on s.id = r.session_id where s.user_id = ${userId}),
    'counselings', (select jsonb_agg(c order by c.id) from counselings c where user_id = ${userId}),
    'feedbacks', (select jsonb_agg(f order by f.id) from feedbacks f where user_id = ${userId}))::text as rows`
  return String(row?.['rows'])
}

t.test('requests that are wrong in any way', async (t) => {
  const server = await startTestApp(t)
  const { app } = server
  const victim = await createVictim(server)
  const before = await rowsOf(server, victim.id)
  const routes = routesOf(app.swagger() as OpenApi).filter(({ path }) => path !== '/metrics')
  t.ok(
    routes.length >= 20 && routes.some(({ body }) => body !== undefined),
    'the document describes the routes',
  )

  let requests = 0
  /** Each from an address of its own: what limits callers is not what is tested here. */
  const send = (
    request: { method: string; url: string; headers: object; payload?: string | undefined },
    by?: Account,
  ) => {
    requests++
    const { method, url, payload } = request
    return app.inject({
      method: method as 'GET', // one of METHODS
      url,
      remoteAddress: `10.${requests >> 16}.${(requests >> 8) & 255}.${requests & 255}`,
      headers: { ...request.headers, ...(by === undefined ? {} : bearer(by.accessToken)) },
      ...(payload === undefined ? {} : { payload }),
    })
  }

  t.test("never cause a fault of the server, and never show another's data", async (t) => {
    for (const route of routes) {
      const caller = await createAccount(server) // a route may end its caller's account
      const check = async (request: Parameters<typeof send>[0]) => {
        const answer = await send(request, caller)
        const place = `${request.method} ${request.url.slice(0, 200)} ${request.payload?.slice(0, 200) ?? ''}`
        const fault = answer.statusCode < 500 ? undefined : answer.json<Failed>().error.code
        if (fault !== undefined && !HONEST.has(fault)) throw new Error(`${fault}: ${place}`)
        if (answer.body.includes(SECRET)) throw new Error(`shows somebody's data: ${place}`)
        if (answer.statusCode < 400) return
        const { success, error } = answer.json<Failed>()
        if (success || !/[가-힣]/.test(error.message))
          throw new Error(`${error.code} is not told in Korean: ${place}`)
      }
      const property = fc.asyncProperty(malformedRequests(route, victim.ids), check)
      await t.resolves(
        fc.assert(property, { seed: SEED, numRuns: REQUESTS_A_ROUTE, endOnFailure: true }),
        `${route.method} ${route.path}`,
      )
    }
    t.equal(await rowsOf(server, victim.id), before, 'what belongs to somebody else is as it was')
    t.notOk('polluted' in {})
  })

  t.test('name the field that is wrong, in the language of the caller', async (t) => {
    const caller = await createAccount(server)
    let told = 0
    for (const route of routes) {
      for (const { field, body } of mistypedBodies(route)) {
        for (const [language, words] of [
          ['ko', /[가-힣]/],
          ['en', /^[ -~]+$/],
        ] as const) {
          const headers = { 'content-type': 'application/json', 'accept-language': language }
          const url = route.path.replace(/\{[^}]+\}/g, victim.ids[1] ?? '')
          const answer = await send(
            { method: route.method, url, headers, payload: JSON.stringify(body) },
            caller,
          )
          const place = `${route.method} ${route.path}: ${field} in ${language}`
          t.ok(answer.statusCode >= 400 && answer.statusCode < 500, `${place} is refused`)
          const { error } = answer.json<Failed>()
          t.match(error.message, words, place)
          if (error.code !== 'VALIDATION_ERROR') continue
          told++
          const details = error.details as { field: string; message: string }[]
          const fault = details.find((found) => found.field.split('.')[0] === field)
          t.match(fault?.message, words, `${place} is named`)
        }
      }
    }
    t.ok(told >= 20, `${told} faults were told by name`)
  })

  t.test('without a token are refused as such, whatever else is wrong', async (t) => {
    const open = routes.filter(({ path }) => /^\/api\/(session|counselings|dashboard|feedback)/.test(path))
    t.ok(open.length >= 10)
    for (const route of open) {
      const check = async (request: Parameters<typeof send>[0]) => {
        const answer = await send(request)
        if (![400, 401].includes(answer.statusCode))
          throw new Error(`${answer.statusCode}: ${request.url.slice(0, 200)}`)
      }
      const property = fc.asyncProperty(malformedRequests(route, victim.ids), check)
      await t.resolves(fc.assert(property, { seed: SEED, numRuns: 5 }), `${route.method} ${route.path}`)
    }
  })
})
