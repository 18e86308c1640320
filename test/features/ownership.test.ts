import { createHmac } from 'node:crypto'
import t from 'tap'
import { bearer, createAccount, startTestApp } from '../helpers/app.ts'

type Schema = {
  readonly type?: string
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly examples?: readonly unknown[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly minItems?: number
  readonly minLength?: number
  readonly minimum?: number
}
type Operation = {
  readonly security?: readonly object[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}
type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The smallest valid value of a schema, so that a refusal is not about the shape. */
function sample(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.anyOf?.[0] !== undefined) return sample(schema.anyOf[0])
  if (schema.examples !== undefined) return schema.examples[0]
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, sample(schema.properties?.[name] ?? {})]),
      )
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items ?? {}))
    case 'integer':
    case 'number':
      return schema.minimum ?? 0
    case 'boolean':
      return true
    default:
      return 'x'.repeat(schema.minLength ?? 1)
  }
}

const SECRET = 'a secret for tests, of more than 32 characters'
/** Logout is never refused. */
const LEAVING = 'POST /api/auth/logout'

const server = await startTestApp(t)
const { app } = server
const [victim, attacker] = [await createAccount(server), await createAccount(server)]
const MARK = 'only-for-its-owner'
const started = await app.inject({
  method: 'POST',
  url: '/api/session/start',
  headers: bearer(victim.accessToken),
  payload: { userId: MARK },
})
const { sessionId } = started.json<{ data: { sessionId: string } }>().data
const booked = await app.inject({
  method: 'POST',
  url: '/api/counselings',
  headers: bearer(victim.accessToken),
  payload: { type: 'video', notes: MARK },
})
const counseling = booked.json<{ data: { id: unknown } }>().data

/** The owner of the id in each route; every route with an id needs a line here. */
const ids: readonly [prefix: string, id: string][] = [
  ['/api/session/', sessionId],
  ['/api/counselings/', String(counseling.id)],
]

const routes = Object.entries((app.swagger() as Document).paths).flatMap(([path, operations]) =>
  Object.entries(operations).map(([method, operation]) => {
    const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
    const schemes = operation.security ?? []
    return {
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase() as Method,
      path,
      isMine: schemes.length > 0,
      needsLogin: schemes.length > 0 && schemes.every((scheme) => 'bearer' in scheme),
      payload:
        type === 'application/json' && content !== undefined ? (sample(content.schema) as object) : undefined,
    }
  }),
)
type Route = (typeof routes)[number]

const addressOf = ({ path }: Route): string => {
  const id = ids.find(([prefix]) => path.startsWith(prefix))?.[1]
  if (path.includes('{') && id === undefined) throw new Error(`whose id belongs into ${path}?`)
  return path.replace(/\{\w+\}/g, id ?? '')
}

const call = (route: Route, headers: Record<string, string>) =>
  app.inject({
    method: route.method,
    url: addressOf(route),
    headers,
    ...(route.payload === undefined ? {} : { payload: route.payload }),
  })

const claims = JSON.parse(
  Buffer.from(attacker.accessToken.split('.')[1] ?? '', 'base64url').toString(),
) as Record<string, unknown>
const write = (header: object, payload: object, sign: boolean) => {
  const content = [header, payload]
    .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))
    .join('.')
  return `${content}.${sign ? createHmac('sha256', SECRET).update(content).digest('base64url') : ''}`
}
const HS256 = { alg: 'HS256', typ: 'JWT' }

t.test('exactly these routes require no login', (t) => {
  t.same(
    routes
      .filter(({ needsLogin }) => !needsLogin)
      .map(({ name }) => name)
      .sort(),
    [
      'GET /api/health',
      'GET /api/health/ready',
      'GET /api/user/preferences',
      'GET /health',
      'POST /api/analytics/alert',
      'POST /api/analytics/vitals',
      'POST /api/auth/login',
      'POST /api/auth/refresh',
      'POST /api/auth/signup',
    ],
  )
  t.end()
})

const wrongTokens: readonly [what: string, headers: Record<string, string>][] = [
  ['an expired token', bearer(write(HS256, { ...claims, iat: 1_600_000_000, exp: 1_600_000_900 }, true))],
  ['a refresh token', bearer(attacker.refreshToken)],
  ['an unsigned token', bearer(write({ alg: 'none', typ: 'JWT' }, claims, false))],
  ['a token that says none, signed', bearer(write({ alg: 'none', typ: 'JWT' }, claims, true))],
  ['garbage', bearer('garbage')],
]

t.test('no other route answers without a live access token', async (t) => {
  const guarded = routes.filter(({ needsLogin, name }) => needsLogin && name !== LEAVING)
  t.ok(guarded.length > 20)
  const [reading] = guarded.filter(({ method, path }) => method === 'GET' && !path.includes('{'))
  t.equal(
    (await call(reading as Route, bearer(write(HS256, claims, true)))).statusCode < 300,
    true,
    'a valid one is accepted',
  )
  for (const route of guarded)
    t.equal((await call(route, {})).statusCode, 401, `${route.name} without a token`)
  for (const route of routes.filter(({ isMine, name }) => isMine && name !== LEAVING))
    for (const [what, headers] of wrongTokens)
      t.equal((await call(route, headers)).statusCode, 401, `${route.name} with ${what}`)
})

t.test('the id of another user is not found', async (t) => {
  const named = routes.filter(({ path }) => path.includes('{'))
  t.ok(named.length > 12)
  for (const route of named) {
    const answer = await call(route, bearer(attacker.accessToken))
    t.equal(answer.statusCode, 404, `${route.name}: ${answer.body.slice(0, 200)}`)
    t.notMatch(answer.body, MARK, route.name)
  }
})

t.test('no list or summary contains data of another user', async (t) => {
  const lists = routes.filter(({ method, path, isMine }) => method === 'GET' && isMine && !path.includes('{'))
  t.ok(lists.length >= 5)
  for (const route of lists) {
    const { body } = await call(route, bearer(attacker.accessToken))
    for (const secret of [MARK, sessionId, String(counseling.id), victim.email])
      t.notMatch(body, secret, route.name)
  }
})

t.test('no data of another user has changed', async (t) => {
  const session = await app.inject({ url: `/api/session/${sessionId}`, headers: bearer(victim.accessToken) })
  t.match(session.json(), { data: { status: 'active', userId: MARK, pausedAt: null } })
  const list = await app.inject({ url: '/api/counselings', headers: bearer(victim.accessToken) })
  t.match(list.body, MARK)
})
