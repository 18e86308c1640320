import t from 'tap'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { EMOTIONS } from '../../src/domain/emotion.ts'
import { bearer, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { routesOf } from '../helpers/malformed.ts'
import { countStatements } from '../helpers/statements.ts'

type Schema = {
  readonly type?: string
  readonly description?: string
  readonly additionalProperties?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly maxItems?: number
}
type Content = Readonly<Record<string, { readonly schema?: Schema; readonly example?: unknown }>>
type Operation = {
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly security?: readonly object[]
  readonly requestBody?: { readonly content?: Content }
  readonly responses: Readonly<Record<string, { readonly description?: string; readonly content?: Content }>>
}
type Document = {
  readonly openapi: string
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const server = await startTestApp(t, { env: { ANALYSIS_INTERVAL_MS: '60000' } })
const { app } = server
const document = app.swagger() as unknown as Document
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    operation,
  })),
)

/** Everything within a schema, with where it is. */
const within = (schema: Schema, place: string): { readonly place: string; readonly schema: Schema }[] => [
  { place, schema },
  ...Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => within(inner, `${place}.${key}`)),
  ...Object.entries(schema.patternProperties ?? {}).flatMap(([, inner]) => within(inner, `${place}.*`)),
  ...(schema.items === undefined ? [] : within(schema.items, `${place}[]`)),
  ...(schema.anyOf ?? []).flatMap((inner) => within(inner, place)),
]

const answers = operations.flatMap(({ name, operation }) =>
  Object.entries(operation.responses).flatMap(([status, { content = {} }]) =>
    Object.entries(content).map(([mediaType, { schema, example }]) => ({
      name: `${name} ${status}`,
      status,
      mediaType,
      schema,
      example,
    })),
  ),
)

t.test('every operation says what it does, for whom, and what it answers in each case', async (t) => {
  t.match(document.openapi, /^3\.1/)
  const tags = new Map(document.tags.map(({ name, description }) => [name, description]))
  for (const { name, operation } of operations) {
    t.match(operation.summary, /.{8}/, `${name} has a summary`)
    for (const tag of operation.tags ?? ['none'])
      t.match(tags.get(tag), /.{8}/, `${name}: ${tag} is described`)
    const statuses = Object.keys(operation.responses)
    t.ok(
      statuses.some((status) => /^2\d\d$/.test(status)),
      `${name} has a success`,
    )
    const isHealth = name.includes('health')
    if (!isHealth) t.match(statuses.join(' '), /4XX 5XX/i, `${name} has its failures`)
    for (const [status, { content }] of Object.entries(operation.responses))
      t.ok(
        Object.values(content ?? {}).every(({ schema }) => schema !== undefined) && content,
        `${name} ${status}`,
      )
  }
  t.equal(new Set(document.tags.map(({ name }) => name)).size, tags.size)
  for (const tag of tags.keys())
    t.ok(
      operations.some(({ operation }) => operation.tags?.includes(tag)),
      `${tag} is used`,
    )
})

t.test('a form says what goes into it', async (t) => {
  const form = document.paths['/api/stt/transcribe']?.['post']?.requestBody?.content?.['multipart/form-data']
  t.match(form, {
    schema: { properties: { audio: { type: 'string', format: 'binary' } }, required: ['audio'] },
    example: { audio: String },
  })
})

t.test('examples are shown, and fit', async (t) => {
  const bodies = operations.flatMap(({ name, operation }) =>
    Object.entries(operation.requestBody?.content ?? {}).map(([mediaType, { schema, example }]) => ({
      name: `${name} body`,
      mediaType,
      schema,
      example,
    })),
  )
  const all = [...answers, ...bodies].filter(({ mediaType }) => mediaType === 'application/json')
  t.ok(all.length > 100)
  for (const { name, schema, example } of all) {
    t.not(example, undefined, `${name} has an example`)
    t.ok(
      Compile(Type.Unsafe(schema ?? {})).Check(example),
      `${name}: ${JSON.stringify(example).slice(0, 200)}`,
    )
  }
})

/** Where keys are not ours: what a client or a person has put there comes back as it was. */
const OPEN = /\.(preferences|data|details|survey|averageVoiceMetrics|required)$|\.survey$/
/** As long as the session, or as a fixed list of ours: the rows behind them are read by one statement. */
const AS_LONG_AS_THEIR_OWNER =
  /\.(emotionTimeline|vadTimeline|cbtFindings|keyObservations|distortions|models|detections|examples|questions|tasks|details|windows|consents|hints)$/

t.test('answers hold what their schema names, and lists are bounded', async (t) => {
  for (const { name, mediaType, schema } of answers) {
    if (mediaType !== 'application/json' || schema === undefined) continue
    for (const { place, schema: inner } of within(schema, '')) {
      const isOpen =
        (inner.additionalProperties !== undefined && inner.additionalProperties !== false) ||
        inner.patternProperties !== undefined
      if (isOpen) t.match(place, OPEN, `${name}${place} lets anything through`)
      if (inner.type === 'array' && inner.maxItems === undefined)
        t.match(place, AS_LONG_AS_THEIR_OWNER, `${name}${place} has no bound`)
    }
  }
})

type Call = {
  readonly route: string
  readonly url?: string
  readonly payload?: object
  /** What it costs, however much there is. */
  readonly statements: number
  readonly status?: number
}

t.test('each route costs the same few statements, however many rows there are', async (t) => {
  const account = await createAccount(server)
  const { sql } = server.database
  const headers = bearer(account.accessToken)
  const { sessionId } = await startSession(server, account)
  const live = await startSession(server, account)
  await app.inject({ method: 'POST', url: `/api/session/${sessionId}/end`, headers })
  await app.inject({ url: `/api/session/${sessionId}/report`, headers })
  const booked = await app.inject({
    method: 'POST',
    url: '/api/counselings',
    headers,
    payload: { type: 'video' },
  })
  const appointment = booked.json<{ data: { id: string } }>().data.id
  const counted = countStatements(app)

  const call = async ({ route, url, payload }: Call) => {
    const [method = '', path = ''] = route.split(' ')
    const { result, statements } = await counted(() =>
      app.inject({
        method: method as 'GET', // one that a route has
        url: url ?? path.replace('{id}', path.startsWith('/api/counselings') ? appointment : sessionId),
        headers,
        ...(payload === undefined ? {} : { payload }),
      }),
    )
    return { status: result.statusCode, statements }
  }
  const calls: readonly Call[] = [
    { route: 'GET /api/health', statements: 0 },
    { route: 'GET /health', statements: 0 },
    { route: 'GET /api/auth/me', statements: 1 },
    { route: 'PUT /api/auth/profile', payload: { profileImage: null }, statements: 1 },
    { route: 'GET /api/user/preferences', statements: 1 },
    { route: 'PUT /api/user/preferences', payload: { preferences: { fontScale: 'sm' } }, statements: 3 },
    { route: 'GET /api/session/{id}', statements: 2 },
    { route: 'POST /api/session/{id}/pause', url: `/api/session/${live.sessionId}/pause`, statements: 4 },
    { route: 'POST /api/session/{id}/resume', url: `/api/session/${live.sessionId}/resume`, statements: 4 },
    { route: 'POST /api/session/{id}/end', statements: 3 },
    { route: 'GET /api/session/{id}/summary', statements: 1 },
    { route: 'GET /api/session/{id}/report', statements: 2 },
    { route: 'GET /api/session/{id}/report/pdf', statements: 2 },
    { route: 'GET /api/session/{id}/report/csv', statements: 2 },
    { route: 'GET /api/session/{id}/timeline', statements: 2 },
    { route: 'POST /api/session/{id}/feedback', payload: { rating: 1 }, statements: 1, status: 201 },
    { route: 'GET /api/session', statements: 1 },
    { route: 'GET /api/session/stats/summary', statements: 1 },
    { route: 'GET /api/dashboard/summary', statements: 3 },
    { route: 'POST /api/counselings', payload: { type: 'video', sessionId }, statements: 2, status: 201 },
    { route: 'GET /api/counselings', statements: 1 },
    { route: 'GET /api/counselings/{id}', statements: 1 },
    { route: 'PATCH /api/counselings/{id}', payload: { notes: 'x' }, statements: 4 },
    { route: 'POST /api/counselings/{id}/survey', payload: { responses: {} }, statements: 1 },
    { route: 'POST /api/feedback', payload: { rating: 1 }, statements: 1, status: 201 },
    { route: 'POST /api/emotion', payload: { text: '오늘은 행복해요' }, statements: 0 },
    { route: 'POST /api/stt/transcribe', payload: {}, statements: 0, status: 503 },
    { route: 'POST /api/analytics/vitals', payload: { name: 'CLS', value: 0 }, statements: 0 },
    {
      route: 'POST /api/analytics/alert',
      payload: { message: 'x', timestamp: '2026-11-23T00:00:00Z', url: '/' },
      statements: 0,
    },
    { route: 'GET /api/user/consent', statements: 1 },
  ]
  /** Costs that grow with what they are for, or that other tests hold: why, for the reader. */
  const elsewhere: Readonly<Record<string, string>> = {
    'GET /api/health/ready': 'asks for each table, by design; no rows',
    'POST /api/auth/signup': 'no list of rows',
    'POST /api/auth/login': 'no list of rows',
    'POST /api/auth/refresh': 'no list of rows',
    'POST /api/auth/logout': 'ends the sessions of a device, which is its work',
    'POST /api/session/start': 'no list of rows',
    'DELETE /api/session/{id}': 'erases, which is its work',
    'POST /api/session/{id}/ticket': 'no list of rows',
    'POST /api/user/consent': 'no list of rows',
    'DELETE /api/user/consent': 'ends live sessions, which is its work',
    'POST /api/user/password': 'logs all other devices out, which is its work',
    'GET /api/user/export': 'a page of rows at a time, in a stream',
    'DELETE /api/user': 'erases, which is its work',
  }
  for (const { method, path } of routesOf(document)) {
    const name = `${method} ${path}`
    t.ok(
      calls.some(({ route }) => route === name) !== name in elsewhere,
      `${name} is counted, or it is said why not`,
    )
  }

  const measure = async (when: string) => {
    for (const one of calls) {
      const { status, statements } = await call(one)
      const place = `${one.route}, ${when}`
      t.equal(status, one.status ?? 200, place)
      t.equal(statements.length, one.statements, `${place}: ${statements.join(' | ').slice(0, 400)}`)
    }
  }
  await measure('with little')
  await sql`
    insert into sessions (id, user_id, interval_ms, status, started_at, ended_at)
    select 'sess_' || n, ${account.id}, 10000, 'ended', now() - n * interval '1 hour', now() - n * interval '1 hour'
    from generate_series(1, 60) as n`
  await sql`
    insert into emotion_windows (session_id, "window", closed_at, frames_received, frames_analysed, emotion, confidence,
      uncertain, scores, valence, arousal, dominance, source, model, latency_ms, analyser_version, measures, answered_at)
    select s.id, n, s.started_at + n * interval '10 seconds', 90, 40, 'happy', 0.9, false,
      (select jsonb_object_agg(label, 0.125) from unnest(string_to_array(${EMOTIONS.join()}, ',')) as label), 0.5, 0.1, 0.1, 'local',
      'local-2', 5, 'local-2', '', now()
    from sessions s, generate_series(1, 30) as n where s.user_id = ${account.id}`
  await sql`insert into counselings (user_id, type) select ${account.id}, 'more' from generate_series(1, 60)`
  await measure('with much')
})

t.test('lists have one order, whatever they are sorted by', async (t) => {
  const account = await createAccount(server)
  const headers = bearer(account.accessToken)
  await server.database.sql`
    insert into counselings (user_id, type, created_at) select ${account.id}, 'n' || n, '2026-01-01' from generate_series(1, 45) as n`
  type Page = { data: { counselings: { id: string }[]; nextCursor: string | null } }
  const page = async (cursor: string | null): Promise<Page['data']> => {
    const more = cursor === null ? '' : `&cursor=${cursor}`
    return (await app.inject({ url: `/api/counselings?limit=10${more}`, headers })).json<Page>().data
  }
  const read = async () => {
    const ids: string[] = []
    let cursor: string | null = null
    do {
      const found: Page['data'] = await page(cursor)
      ids.push(...found.counselings.map(({ id }) => id))
      cursor = found.nextCursor
    } while (cursor !== null)
    return ids
  }
  const once = await read()
  t.equal(new Set(once).size, 45, 'made in the same moment, each is on one page')
  t.same(await read(), once)
  t.ok(
    once.every((id) => !/^\d+$/.test(id)),
    'and an id tells nothing of how many there are',
  )
})
