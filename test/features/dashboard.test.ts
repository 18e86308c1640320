import { randomBytes } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { emotionWindows, reports, sessions } from '../../src/db/schema/index.ts'
import { getDaysAround, isTimeZone } from '../../src/domain/day.ts'
import { EMOTION_VAD, type Emotion } from '../../src/domain/emotion.ts'
import { recommend } from '../../src/features/dashboard/recommendations.ts'
import { dashboardRepository } from '../../src/features/dashboard/repository.ts'
import { createDashboardService } from '../../src/features/dashboard/service.ts'
import { bearer, createAccount, startTestApp, type TestApp } from '../helpers/app.ts'
import type { TestDatabase } from '../helpers/database.ts'
import { readingOf } from '../helpers/scripted-model.ts'

const MINUTE_MS = 60_000
const data = (answer: LightMyRequestResponse) => answer.json<{ data: Record<string, unknown> }>().data

type Read = readonly [closedAt: number, emotion: Emotion]

/** A session in the database, with its windows and, once ended, its report. */
async function storeSession(
  { orm }: TestDatabase,
  userId: number,
  {
    startedAt,
    endedAt,
    windows = [],
    reported = true,
  }: { startedAt: number; endedAt?: number; windows?: readonly Read[]; reported?: boolean },
) {
  const id = `sess_${randomBytes(24).toString('base64url')}`
  const end =
    endedAt === undefined
      ? {}
      : {
          status: 'ended' as const,
          endedAt: new Date(endedAt),
          finalisedAt: reported ? new Date(endedAt) : null,
        }
  await orm
    .insert(sessions)
    .values({ id, userId, intervalMs: 10_000, startedAt: new Date(startedAt), ...end })
  for (const [i, [closedAt, emotion]] of windows.entries()) {
    await orm.insert(emotionWindows).values({
      sessionId: id,
      window: i + 1,
      closedAt: new Date(closedAt),
      framesReceived: 100,
      framesAnalysed: 40,
      ...readingOf(emotion),
      source: 'local',
      model: 'local-1',
      latencyMs: 10,
      analyserVersion: 'test',
      measures: new Uint8Array(),
      answeredAt: new Date(closedAt),
    })
  }
  if (endedAt !== undefined && reported) {
    const [emotion] = windows.map(([, seen]) => seen)
    const content = {
      analysis: {
        emotionSummary: emotion === undefined ? null : { primaryEmotion: { emotion } },
        vadSummary: emotion === undefined ? null : { valence: {} },
        vadVector: { valence: emotion === undefined ? 0 : EMOTION_VAD[emotion][0], arousal: 0, dominance: 0 },
      },
    }
    await orm
      .insert(reports)
      .values({ id: `rep_${id}`, sessionId: id, version: 1, content, generatedAt: new Date(endedAt + 5) })
  }
  return id
}

const serviceAt = (database: TestDatabase, now: number) =>
  createDashboardService({ database, repository: dashboardRepository, now: () => now })

const get = ({ app }: TestApp, url: string, token: string, headers: Record<string, string> = {}) =>
  app.inject({ url, headers: { ...bearer(token), ...headers } })

t.test('a day starts in the time zone of the user, also at clock changes', async (t) => {
  const days: [at: string, zone: string, yesterday: string, today: string, tomorrow: string][] = [
    ['2026-11-23T14:59:59.999Z', 'Asia/Seoul', '2026-11-21T15:00Z', '2026-11-22T15:00Z', '2026-11-23T15:00Z'],
    ['2026-11-23T15:00:00.000Z', 'Asia/Seoul', '2026-11-22T15:00Z', '2026-11-23T15:00Z', '2026-11-24T15:00Z'],
    ['2026-11-23T00:00:00.000Z', 'UTC', '2026-11-22T00:00Z', '2026-11-23T00:00Z', '2026-11-24T00:00Z'],
    [
      '2026-03-08T20:00:00.000Z',
      'America/New_York',
      '2026-03-07T05:00Z',
      '2026-03-08T05:00Z',
      '2026-03-09T04:00Z',
    ],
    [
      '2026-11-01T20:00:00.000Z',
      'America/New_York',
      '2026-10-31T04:00Z',
      '2026-11-01T04:00Z',
      '2026-11-02T05:00Z',
    ],
    // Midnight does not exist on this day: clocks jump from 24:00 to 1:00.
    [
      '2018-11-04T12:00:00.000Z',
      'America/Sao_Paulo',
      '2018-11-03T03:00Z',
      '2018-11-04T03:00Z',
      '2018-11-05T02:00Z',
    ],
    // A whole day is left out.
    [
      '2011-12-31T00:00:00.000Z',
      'Pacific/Apia',
      '2011-12-29T10:00Z',
      '2011-12-30T10:00Z',
      '2011-12-31T10:00Z',
    ],
    [
      '2026-11-23T12:00:00.000Z',
      'Asia/Kathmandu',
      '2026-11-21T18:15Z',
      '2026-11-22T18:15Z',
      '2026-11-23T18:15Z',
    ],
  ]
  for (const [at, zone, ...expected] of days) {
    const { yesterday, today, tomorrow } = getDaysAround(Date.parse(at), zone)
    t.same(
      [yesterday, today, tomorrow].map((time) => new Date(time).toISOString().replace(':00.000', '')),
      expected,
      `${zone} ${at}`,
    )
  }
  t.ok(isTimeZone('Europe/Berlin'))
  for (const zone of ['', 'Mars/Olympus', 'Asia/Seoul; drop table users']) t.notOk(isTimeZone(zone), zone)
})

t.test('dashboard', async (t) => {
  const server = await startTestApp(t)
  const { database } = server

  t.test('a new user sees an empty day and the recommendation to start', async (t) => {
    const { accessToken } = await createAccount(server)
    const answer = await get(server, '/api/dashboard/summary', accessToken)
    t.equal(answer.statusCode, 200)
    const { recommendations, ...rest } = data(answer)
    t.same(rest, {
      todayAvg: { valence: null, arousal: null, dominance: null },
      trend: { dayOverDay: { valence: null, arousal: null, dominance: null } },
      recentSessions: [],
    })
    t.match(recommendations, [{ id: 'start', title: /[가-힣]/, desc: /[가-힣]/ }])
    t.notMatch(JSON.stringify(recommendations), /cta|세션 시작/, 'no words of a button that would do nothing')
    const english = await get(server, '/api/dashboard/summary', accessToken, { 'accept-language': 'en' })
    t.match(data(english)['recommendations'], [{ id: 'start', title: /^[A-Z][ -~]+$/ }])
    t.equal((await server.app.inject({ url: '/api/dashboard/summary' })).statusCode, 401)
  })

  t.test('today and yesterday are means over the windows of those days, of this user only', async (t) => {
    const me = await createAccount(server)
    const other = await createAccount(server)
    const now = Date.parse('2026-11-23T03:00:00Z') // noon in Seoul
    const midnight = Date.parse('2026-11-22T15:00:00Z')
    const before = midnight - 24 * 60 * MINUTE_MS
    // Starts before midnight and ends after it, so its windows belong to two days. The last one belongs to neither.
    await storeSession(database, me.id, {
      startedAt: midnight - MINUTE_MS,
      endedAt: midnight + MINUTE_MS,
      windows: [
        [midnight - 1, 'sad'],
        [midnight, 'happy'],
      ],
    })
    await storeSession(database, me.id, {
      startedAt: before - MINUTE_MS,
      endedAt: before + MINUTE_MS,
      windows: [
        [before - 1, 'disgusted'],
        [before, 'angry'],
      ],
    })
    await storeSession(database, me.id, {
      startedAt: now - MINUTE_MS,
      windows: [
        [now - 1, 'happy'],
        [now, 'neutral'],
      ],
    })
    await storeSession(database, other.id, { startedAt: now - MINUTE_MS, windows: [[now, 'fearful']] })

    const summary = await serviceAt(database, now).summary(me.id, 'ko')
    // By hand: happy (.81 .51 .46) twice and neutral (0 0 0); sad (-.63 -.27 -.33) and angry (-.51 .59 .25).
    t.same(summary.todayAvg, { valence: 0.54, arousal: 0.34, dominance: 0.3067 })
    t.same(summary.trend.dayOverDay, { valence: 1.11, arousal: 0.18, dominance: 0.3467 })
    t.same(
      summary.recommendations.map(({ id }) => id),
      ['keep'],
    )

    const alone = await serviceAt(database, now + 24 * 60 * MINUTE_MS).summary(me.id, 'ko')
    t.same(alone.todayAvg, { valence: null, arousal: null, dominance: null })
    t.same(
      alone.trend.dayOverDay,
      { valence: null, arousal: null, dominance: null },
      'no change from nothing',
    )

    const zone = (timezone: string) => database.sql`
      insert into user_preferences (user_id, preferences) values (${me.id}, ${JSON.stringify({ timezone })}::text::jsonb)
      on conflict (user_id) do update set preferences = excluded.preferences`
    await zone('America/New_York') // 22:00 of the 22nd there: all of both Korean days but one window
    const abroad = await serviceAt(database, now).summary(me.id, 'ko')
    t.same(abroad.todayAvg.valence, 0.2475, 'sad, happy, happy and neutral of one day')
    await zone('nowhere') // not possible by API, because the schema refuses it
    t.same((await serviceAt(database, now).summary(me.id, 'ko')).todayAvg, summary.todayAvg)
  })

  t.test('the last five sessions with a report, newest first, with their valence', async (t) => {
    const me = await createAccount(server)
    const ids: string[] = []
    for (let i = 0; i < 7; i++) {
      const startedAt = Date.now() - i * 60 * MINUTE_MS
      ids.push(
        await storeSession(database, me.id, {
          startedAt,
          endedAt: startedAt + MINUTE_MS,
          windows: i === 1 ? [] : [[startedAt + 1, 'happy']],
        }),
      )
    }
    const startedAt = Date.now() - 30 * MINUTE_MS
    await storeSession(database, me.id, { startedAt, endedAt: startedAt + 1, reported: false })
    const answer = await get(server, '/api/dashboard/summary', me.accessToken)
    const recent = data(answer)['recentSessions'] as Record<string, unknown>[]
    t.same(
      recent.map(({ sessionId }) => sessionId),
      ids.slice(0, 5),
    )
    t.same(
      recent.map(({ vadScore }) => vadScore),
      [0.81, undefined, 0.81, 0.81, 0.81],
    )
    t.match(
      recent,
      recent.map(({ sessionId }) => ({ reportId: `rep_${String(sessionId)}`, createdAt: Number })),
    )
  })

  t.test('statistics count every session and show the last ones', async (t) => {
    const me = await createAccount(server)
    const url = '/api/session/stats/summary'
    t.same(data(await get(server, url, me.accessToken)), {
      total: 0,
      active: 0,
      paused: 0,
      ended: 0,
      avgDuration: 0,
      recentSessions: [],
    })

    const now = Date.now()
    for (const minutes of [1, 2, 6])
      await storeSession(database, me.id, {
        startedAt: now - minutes * 60 * MINUTE_MS,
        endedAt: now - minutes * 59 * MINUTE_MS,
        windows: [[now - 1, 'sad']],
      })
    const live = await storeSession(database, me.id, { startedAt: now - 10 * MINUTE_MS })
    const paused = await storeSession(database, me.id, { startedAt: now - 20 * MINUTE_MS })
    await database.sql`update sessions set status = 'paused', paused_at = now() where id = ${paused}`
    const statistics = data(await get(server, url, me.accessToken))
    const { recentSessions, ...counts } = statistics
    t.same(counts, { total: 5, active: 1, paused: 1, ended: 3, avgDuration: 3 * MINUTE_MS })
    const recent = recentSessions as Record<string, unknown>[]
    t.match(recent.slice(0, 3), [
      {
        id: live,
        status: 'active',
        dominantEmotion: null,
        startedAt: new Date(now - 10 * MINUTE_MS).toISOString(),
      },
      { id: paused, status: 'paused', dominantEmotion: null },
      { status: 'ended', dominantEmotion: 'sad', durationMs: MINUTE_MS },
    ])
    t.ok(Math.abs(Number(recent[0]?.['durationMs']) - 10 * MINUTE_MS) < MINUTE_MS)
    t.equal(recent.length, 5)
  })

  t.test("a language preference takes precedence over the browser's", async (t) => {
    const { id } = await createAccount(server)
    await database.sql`insert into user_preferences (user_id, preferences) values (${id}, '{"language":"en"}'::jsonb)`
    const { recommendations } = await serviceAt(database, Date.now()).summary(id, 'ko')
    t.match(recommendations, [{ title: /^[A-Z]/ }])
  })
})

t.test('recommendations depend on the day', async (t) => {
  const still = { valence: 0, arousal: 0, dominance: 0 }
  const ids = (valence: number, arousal: number, change = 0) =>
    recommend({ valence, arousal, dominance: 0 }, { ...still, valence: change }, 'ko').map(({ id }) => id)
  t.same(ids(0.5, 0), ['keep'])
  t.same(ids(0, 0.9), ['notice'])
  t.same(ids(-0.5, 0.5), ['breathe'])
  t.same(ids(-0.5, -0.5), ['rest'])
  t.same(ids(-0.5, -0.5, -0.6), ['rest', 'talk'])
  for (const language of ['ko', 'en'] as const)
    for (const today of [null, still, { ...still, valence: -1 }])
      for (const { title, desc } of recommend(today, { ...still, valence: -1 }, language))
        t.match(`${title} ${desc}`, language === 'ko' ? /[가-힣]/ : /^[ -~]+$/)
})

t.test('all own sessions are listed in pages, each once', async (t) => {
  const server = await startTestApp(t)
  const [account, otherUser] = [await createAccount(server), await createAccount(server)]
  const ask = (query: string, { accessToken } = account) =>
    server.app.inject({ url: `/api/session${query}`, headers: bearer(accessToken) })
  t.same(data(await ask('')), { sessions: [], nextCursor: null })
  const startedAt = Date.now() - 60 * MINUTE_MS
  const ids: string[] = []
  // Two in the same moment among them.
  for (const minute of [0, 1, 2, 2, 3, 4, 5])
    ids.push(
      await storeSession(server.database, account.id, {
        startedAt: startedAt + minute * MINUTE_MS,
        endedAt: startedAt + (minute + 1) * MINUTE_MS,
        windows: [[startedAt + minute * MINUTE_MS + 10_000, 'happy']],
      }),
    )
  const theirs = await storeSession(server.database, otherUser.id, { startedAt })
  const seen: string[] = []
  let query = '?limit=3'
  for (let page = 0; page < 3; page++) {
    const { sessions: listed, nextCursor } = data(await ask(query)) as {
      sessions: { id: string; startedAt: string }[]
      nextCursor: string | null
    }
    seen.push(...listed.map(({ id }) => id))
    if (page === 0)
      t.match(listed[0], {
        status: 'ended',
        durationMs: MINUTE_MS,
        dominantEmotion: 'happy',
        startedAt: String,
      })
    t.equal(nextCursor === null, page === 2)
    query = `?limit=3&cursor=${nextCursor}`
  }
  t.equal(seen.length, ids.length)
  t.same([...seen].sort(), [...ids].sort())
  t.same([seen[0], seen.at(-1)], [ids.at(-1), ids[0]])
  for (const cursor of [theirs, 'sess_unknown', ''])
    t.match((await ask(`?cursor=${cursor}`)).json(), { error: { code: 'INVALID_CURSOR' } }, cursor)
  for (const limit of ['0', '101', 'x']) t.equal((await ask(`?limit=${limit}`)).statusCode, 400)
})
