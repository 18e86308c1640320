import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { bearer, createAccount, startSession, startTestApp } from '../helpers/app.ts'

type Answered = { data: Record<string, unknown>; error: { code: string; message: string; details?: unknown } }
const of = (answer: LightMyRequestResponse) => answer.json<Answered>()

t.test('feedback', async (t) => {
  const server = await startTestApp(t)
  const { app, database } = server
  const account = await createAccount(server)
  const { sessionId } = await startSession(server, account)
  const post = (
    path: string,
    payload: unknown,
    { accessToken } = account,
    more: Record<string, string> = {},
  ) =>
    app.inject({
      method: 'POST',
      url: `/api/${path}`,
      headers: { ...bearer(accessToken), 'content-type': 'application/json', ...more },
      payload: JSON.stringify(payload),
    })
  const about = (id: string) => `session/${id}/feedback`
  const stored = () =>
    database.sql`select rating, note, category, session_id as session from feedbacks where user_id = ${account.id} order by id`

  t.test('is accepted during a session, long after it, and without one', async (t) => {
    const during = await post(about(sessionId), { rating: 1, note: '' })
    t.equal(during.statusCode, 201)
    const { data } = of(during)
    t.match(data['feedbackId'], /^feedback_[\w-]{22}$/)
    t.same(data, { feedbackId: data['feedbackId'], sessionId, rating: 1, submittedAt: data['submittedAt'] })
    t.ok(Math.abs(Number(data['submittedAt']) - Date.now()) < 60_000)

    await post(`session/${sessionId}/end`, {})
    await database.sql`
      update sessions set started_at = now() - interval '1 year', ended_at = now() - interval '364 days'
      where id = ${sessionId}`
    t.equal((await post(about(sessionId), { rating: 5, category: 'ui', other: 1 })).statusCode, 201)
    const general = await post('feedback', { rating: 4, note: '좋아요' })
    t.equal(general.statusCode, 201)
    t.equal(of(general).data['sessionId'], null)
    t.same(await stored(), [
      { rating: 1, note: '', category: null, session: sessionId },
      { rating: 5, note: null, category: 'ui', session: sessionId },
      { rating: 4, note: '좋아요', category: null, session: null },
    ])
  })

  t.test('an invalid rating has its own code, other faults name their field', async (t) => {
    const before = (await stored()).length
    for (const path of [about(sessionId), 'feedback']) {
      for (const rating of [0, 6, -1, 4.5, '5', null, undefined, [5], 1e300]) {
        const answer = await post(path, { rating, note: 'x' })
        t.equal(answer.statusCode, 400)
        t.match(of(answer).error, { code: 'INVALID_RATING', message: /rating/ }, String(rating))
      }
      const english = await post(path, {}, account, { 'accept-language': 'en' })
      t.equal(of(english).error.message, 'The rating must be an integer from 1 to 5.')
      for (const [field, value] of [
        ['note', 'x'.repeat(2001)],
        ['note', 7],
        ['category', 'x'.repeat(65)],
      ] as const)
        t.match(of(await post(path, { rating: 3, [field]: value })).error, {
          code: 'VALIDATION_ERROR',
          details: [{ field }],
        })
      for (const body of [null, 5, 'x']) t.equal((await post(path, body)).statusCode, 400)
      t.equal((await post(path, { rating: 2, note: 'x'.repeat(2000) })).statusCode, 201)
    }
    t.equal((await stored()).length, before + 2)
  })

  t.test("another user's session, an unknown one and a deleted account are refused", async (t) => {
    const otherUser = await createAccount(server)
    for (const id of [sessionId, 'sess_nothing', 'stats'])
      t.equal((await post(about(id), { rating: 3 }, otherUser)).statusCode, 404, id)
    t.equal(of(await post(about(sessionId), { rating: 3 }, otherUser)).error.code, 'SESSION_NOT_FOUND')
    t.same(await database.sql`select 1 from feedbacks where user_id = ${otherUser.id}`, [])
    await database.sql`delete from users where id = ${otherUser.id}`
    t.equal(of(await post('feedback', { rating: 3 }, otherUser)).error.code, 'UNAUTHORIZED')
    t.equal(
      (await app.inject({ method: 'POST', url: '/api/feedback', payload: { rating: 3 } })).statusCode,
      401,
    )
  })
})
