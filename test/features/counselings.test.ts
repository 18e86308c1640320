import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { COUNSELING_STATUSES, type CounselingStatus } from '../../src/domain/counseling.ts'
import { createSealedIds } from '../../src/lib/sealed-id.ts'
import {
  type Account,
  bearer,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'

type Counseling = Record<string, unknown> & { readonly id: string; readonly status: string }
type Page = { readonly counselings: Counseling[]; readonly nextCursor: string | null }

const data = (answer: LightMyRequestResponse) => answer.json<{ data: Counseling }>().data
const code = (answer: LightMyRequestResponse) =>
  answer.statusCode < 400
    ? String(answer.statusCode)
    : `${answer.statusCode} ${answer.json<{ error: { code: string } }>().error.code}`
const faults = (answer: LightMyRequestResponse) =>
  answer.json<{ error: { details: { field: string }[] } }>().error.details.map(({ field }) => field)

function caller({ app }: TestApp, account: Account) {
  const call = (method: 'GET' | 'POST' | 'PATCH', path: string, payload?: object) =>
    app.inject({
      method,
      url: `/api/counselings${path}`,
      headers: bearer(account.accessToken),
      ...(payload === undefined ? {} : { payload }),
    })
  return {
    create: (body: object) => call('POST', '', body),
    get: (id: string) => call('GET', `/${id}`),
    change: (id: string, body: object) => call('PATCH', `/${id}`, body),
    answer: (id: string, body: object) => call('POST', `/${id}/survey`, body),
    list: async (query = '') => (await call('GET', query)).json<{ data: Page }>().data,
    listed: (query: string) => call('GET', query),
  }
}

t.test('counselings', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const mine = caller(server, account)

  t.test('an appointment is booked and found again', async (t) => {
    const { sessionId } = await startSession(server, account)
    const wish = { type: 'video', scheduledAt: '2026-12-01T10:00:00+09:00', notes: '처음', sessionId }
    const created = await mine.create({ ...wish, status: 'completed', userId: 7 })
    t.equal(created.statusCode, 201)
    const view = data(created)
    t.match(view.id, /^counseling_[\w-]{22}$/, 'the id tells no number')
    t.same(view, {
      id: view.id,
      type: 'video',
      status: 'pending',
      scheduledAt: '2026-12-01T01:00:00.000Z',
      notes: '처음',
      sessionId,
      survey: null,
      createdAt: view['createdAt'],
      updatedAt: view['updatedAt'],
    })
    t.ok(Math.abs(Number(view['createdAt']) - Date.now()) < 60_000)
    t.same(data(await mine.get(view.id)), view)

    const bare = data(await mine.create({ type: 'chat', scheduledAt: null, sessionId: null }))
    t.match(bare, { type: 'chat', scheduledAt: null, notes: null, sessionId: null })
  })

  t.test('an invalid appointment is refused with the field name', async (t) => {
    const wrong: [field: string, body: object][] = [
      ['type', {}],
      ['type', { type: '' }],
      ['type', { type: 'x'.repeat(65) }],
      ['scheduledAt', { type: 'a', scheduledAt: 'tomorrow' }],
      ['scheduledAt', { type: 'a', scheduledAt: '2026-12-01T10:00:00' }],
      ['scheduledAt', { type: 'a', scheduledAt: '0000-01-01T00:00:00Z' }],
      ['scheduledAt', { type: 'a', scheduledAt: '2026-12-01T10:00:00Z[Asia/Seoul]' }],
      ['scheduledAt', { type: 'a', scheduledAt: 1_764_550_800_000 }],
      ['notes', { type: 'a', notes: 'x'.repeat(4001) }],
      ['notes', { type: 'a', notes: 5 }],
      ['sessionId', { type: 'a', sessionId: 5 }],
    ]
    for (const [field, body] of wrong) {
      const answer = await mine.create(body)
      t.equal(answer.statusCode, 400, JSON.stringify(body).slice(0, 60))
      t.ok(faults(answer).includes(field), field)
    }
    const otherUser = await createAccount(server)
    const { sessionId } = await startSession(server, otherUser)
    t.equal(code(await mine.create({ type: 'a', sessionId })), '404 SESSION_NOT_FOUND')
    t.equal(code(await mine.create({ type: 'a', sessionId: 'nothing' })), '404 SESSION_NOT_FOUND')
  })

  t.test('it changes its status until it is closed', async (t) => {
    const over: readonly CounselingStatus[] = ['completed', 'cancelled']
    for (const from of COUNSELING_STATUSES) {
      for (const to of COUNSELING_STATUSES) {
        const { id } = data(await mine.create({ type: 'a' }))
        await mine.change(id, { status: from })
        const answer = await mine.change(id, { status: to })
        const expected = over.includes(from) && from !== to ? '409 COUNSELING_CLOSED' : '200'
        t.equal(code(answer), expected, `${from} to ${to}`)
        t.equal(data(await mine.get(id)).status, expected === '200' ? to : from)
      }
    }
    const { id } = data(await mine.create({ type: 'a' }))
    const scheduledAt = '2027-01-01T00:00:00.000Z'
    t.match(data(await mine.change(id, { scheduledAt, notes: 'x' })), {
      scheduledAt,
      notes: 'x',
      status: 'pending',
    })
    t.match(data(await mine.change(id, { status: 'cancelled', scheduledAt: null })), { scheduledAt: null })
    t.equal(code(await mine.change(id, { scheduledAt })), '409 COUNSELING_CLOSED')
    t.match(
      data(await mine.change(id, { notes: '' })),
      { notes: '', status: 'cancelled' },
      'notes may still change',
    )
    t.same(faults(await mine.change(id, { status: 'done' })), ['status'])

    const racing = data(await mine.create({ type: 'a' }))
    const ends = over.map((status) => mine.change(racing.id, { status }))
    t.same(
      (await Promise.all(ends)).map(code).sort(),
      ['200', '409 COUNSELING_CLOSED'],
      'only one of two final states is stored',
    )
  })

  t.test('a survey can be answered more than once', async (t) => {
    const { id } = data(await mine.create({ type: 'a' }))
    const responses = { helpful: 5, nested: { 'a b': [1, null] } }
    const answer = await mine.answer(id, { responses })
    t.equal(answer.statusCode, 200)
    t.same(data(answer)['survey'], responses)
    await mine.answer(id, { responses: {} })
    t.same(data(await mine.get(id))['survey'], {})
    for (const body of [{}, { responses: [] }, { responses: 'x' }, { responses: null }])
      t.same(faults(await mine.answer(id, body)), ['responses'])
    t.equal(code(await mine.answer(id, { responses: { x: 'y'.repeat(16_384) } })), '413 OBJECT_TOO_LARGE')
  })

  t.test("another user's appointment is not accessible", async (t) => {
    const { id } = data(await mine.create({ type: 'private', notes: 'secret' }))
    const otherUser = caller(server, await createAccount(server))
    const unknown = createSealedIds('another secret', 'counseling').seal(1)
    for (const [who, what] of [
      [otherUser, id],
      [mine, unknown],
      [mine, '1'],
      [mine, 'counseling_'],
    ] as const) {
      t.equal(code(await who.get(what)), '404 COUNSELING_NOT_FOUND')
      t.equal(code(await who.change(what, { status: 'cancelled' })), '404 COUNSELING_NOT_FOUND')
      t.equal(code(await who.answer(what, { responses: {} })), '404 COUNSELING_NOT_FOUND')
    }
    t.same(await otherUser.list(), { counselings: [], nextCursor: null })
    t.equal(data(await mine.get(id)).status, 'pending')
  })

  t.test('the list is paged, newest first, complete and without duplicates', async (t) => {
    const who = caller(server, await createAccount(server))
    const ids: string[] = []
    for (let i = 0; i < 23; i++) {
      const { id } = data(await who.create({ type: `t${i}` }))
      const status = COUNSELING_STATUSES[i % COUNSELING_STATUSES.length]
      await who.change(id, { status })
      ids.unshift(id)
    }
    const walk = async (query: string) => {
      const seen: string[] = []
      for (let cursor: string | null = '', pages = 0; cursor !== null && pages < 30; pages++) {
        const page: Page = await who.list(`?${query}${cursor === '' ? '' : `&cursor=${cursor}`}`)
        seen.push(...page.counselings.map(({ id }) => id))
        if (pages === 0) await who.create({ type: 'meanwhile' }) // is newer than the first page
        cursor = page.nextCursor
      }
      return seen
    }
    t.same(await walk('limit=7'), ids)
    t.same((await walk('limit=2&status=cancelled')).length, 5)
    t.equal((await who.list()).counselings.length, 20, 'twenty unless asked otherwise')
    t.equal((await who.list('?limit=100')).nextCursor, null)

    for (const [query, field] of [
      ['?limit=0', 'limit'],
      ['?limit=101', 'limit'],
      ['?limit=x', 'limit'],
      ['?status=done', 'status'],
      ['?status=pending&status=completed', 'status'],
    ] as const)
      t.same(faults(await who.listed(query)), [field], query)
    const id = ids[0] ?? ''
    for (const cursor of ['', 'x', '5', id])
      t.equal(code(await who.listed(`?cursor=${cursor}`)), '400 INVALID_CURSOR')
  })
})
