import { setTimeout as pace } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { emotionWindows, sessions } from '../../src/db/schema/index.ts'
import type { Emotion } from '../../src/domain/emotion.ts'
import { buildReport, toSummary } from '../../src/domain/report.ts'
import type { ModelAnalyser } from '../../src/live/model/analyser.ts'
import { reportsRepository } from '../../src/features/reports/repository.ts'
import { createReportService } from '../../src/features/reports/service.ts'
import {
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { plainSafe, plainVault } from '../helpers/plain-vault.ts'
import { createScriptedModel, readingOf } from '../helpers/scripted-model.ts'

type Json = Record<string, unknown>

const INTERVAL_MS = 1000

const database = await createTestDatabase(t)
const { orm } = database

const data = (answer: LightMyRequestResponse) => answer.json<{ data: Json }>().data
const refusal = (answer: LightMyRequestResponse) =>
  `${answer.statusCode} ${answer.json<{ error: { code: string } }>().error.code}`

type Setting = { intervalMs?: number; model?: ModelAnalyser | null; env?: Record<string, string> }

/** A server with one session, and its routes. */
async function live(t: Test, { intervalMs = INTERVAL_MS, model = null, env = {} }: Setting = {}) {
  const server = await startTestApp(t, {
    database,
    model,
    env: { ANALYSIS_INTERVAL_MS: String(intervalMs), ...env },
  })
  const account = await createAccount(server)
  const session = await startSession(server, account)
  const url = (path: string) => `/api/session/${session.sessionId}/${path}`
  const headers = bearer(account.accessToken)
  return {
    server,
    session,
    account,
    url,
    get: (path: string) => server.app.inject({ url: url(path), headers }),
    end: () => server.app.inject({ method: 'POST', url: url('end'), headers }),
  }
}

const sendAll = ({ send }: TestSocket, texts: readonly string[]) => {
  for (const text of texts) send(text)
}

/** Sends the frames of one window, in its first half, and resolves with its update. */
async function oneWindow(socket: TestSocket, { startedAt }: StartedSession, emotion: string) {
  const elapsed = (Date.now() - startedAt) % INTERVAL_MS
  if (elapsed > INTERVAL_MS / 2) await pace(INTERVAL_MS - elapsed)
  sendAll(socket, frames(emotion, 20))
  return (await socket.next('emotion_update')).data
}

/** A stored answer of one window, as the analysis writes it. */
const windowRow = (sessionId: string, window: number, emotion: Emotion, more: object = {}) => ({
  sessionId,
  window,
  closedAt: new Date(1_700_000_000_000 + window * 10_000),
  framesReceived: 100,
  framesAnalysed: 40,
  ...readingOf(emotion),
  source: 'local' as const,
  model: 'local-1',
  latencyMs: 10,
  analyserVersion: 'local-1',
  measures: new Uint8Array(),
  answeredAt: new Date(),
  ...more,
})

const countReports = async (sessionId: string) => {
  const [row] = await database.sql`select count(*)::int as n from reports where session_id = ${sessionId}`
  return Number(row?.['n'])
}

t.test('a session from its frames to its report', async (t) => {
  const { server, session, account, get, end } = await live(t)
  const socket = await connect(t, session.wsUrls.landmarks)
  for (const emotion of ['happy', 'happy', 'sad']) await oneWindow(socket, session, emotion)
  const { duration, endedAt } = data(await end())
  const [summary, report] = [data(await get('summary')), data(await get('report'))]

  t.test('the summary has the shape that clients rely on', (t) => {
    t.same(Object.keys(summary).sort(), [
      'averageVoiceMetrics',
      'cbt',
      'dominantEmotion',
      'duration',
      'endedAt',
      'keyObservations',
      'recommendations',
      'sessionId',
      'startedAt',
      'status',
      'vadVector',
    ])
    t.match(summary, {
      sessionId: session.sessionId,
      status: 'ended',
      startedAt: session.startedAt,
      endedAt,
      duration,
      vadVector: { valence: Number, arousal: Number, dominance: Number },
      dominantEmotion: { emotion: 'happy', count: 2, percentage: 66.7 },
      averageVoiceMetrics: null,
    })
    t.same(summary['cbt'], { totalDistortions: 0, mostCommon: null })
    for (const texts of [summary['keyObservations'], summary['recommendations']]) {
      t.ok(Array.isArray(texts) && texts.length > 0 && texts.length <= 3)
      t.ok(Array.isArray(texts) && texts.every((text) => typeof text === 'string'))
    }
    t.end()
  })

  t.test('the report has the shape that clients rely on', (t) => {
    t.same(Object.keys(report).sort(), [
      'analysis',
      'cbtFindings',
      'crisisLines',
      'emotionTimeline',
      'generatedAt',
      'metadata',
      'provenance',
      'reportId',
      'statistics',
      'vadTimeline',
      'version',
    ])
    t.match(report, {
      reportId: /^rep_[\w-]{22}$/,
      generatedAt: Number,
      version: 3,
      metadata: { sessionId: session.sessionId, status: 'ended', duration, durationFormatted: /^0:0\d$/ },
      analysis: {
        emotionSummary: {
          primaryEmotion: { emotion: 'happy', emotionKo: '행복', count: 2, percentage: 66.7 },
          trend: { beginning: 'happy', middle: 'happy', end: 'sad', trend: 'declining' },
          averageIntensity: Number,
        },
        overallAssessment: { disclaimer: /진단이 아닙니다/ },
      },
      provenance: {
        analyzerVersion: /^local-\d+$/,
        models: [/^local-\d+$/],
        windows: { total: 3, gemini: 0, local: 3 },
      },
    })
    t.same(report['cbtFindings'], [], 'an array, whatever is in it')
    const timeline = report['vadTimeline']
    t.ok(Array.isArray(timeline) && timeline.length === 3)
    t.match(timeline, [{ timestamp: Number, valence: Number, arousal: Number, dominance: Number }])
    const { keyObservations } = (report['analysis'] as { overallAssessment: Json }).overallAssessment
    t.ok(Array.isArray(keyObservations) && keyObservations.every((text) => typeof text === 'string'))
    t.end()
  })

  t.test('it can be built again from the rows, exactly the same', async (t) => {
    const found = await reportsRepository.find(orm, session.sessionId)
    const { sessionId, startedAt } = session
    const again = buildReport(
      { sessionId, labels: {}, language: 'ko', startedAt, endedAt: Number(endedAt) },
      await reportsRepository.listRows(orm, sessionId, plainSafe),
    )
    const { reportId, generatedAt, version, crisisLines, ...content } = report
    t.same(crisisLines, [], 'without self-harm language')
    t.same(content, again)
    t.same(summary, toSummary(again))
    t.equal(JSON.stringify(content), JSON.stringify(again), 'also in the order of its keys')
    t.equal(found?.session.endedAt?.getTime(), endedAt)
    t.ok(found?.session.finalisedAt)
    t.same([typeof reportId, typeof generatedAt, version], ['string', 'number', 3])
  })

  t.test('repeated requests return the same', async (t) => {
    t.same(data(await get('summary')), summary)
    t.same(data(await get('report')), report)
    t.equal(await countReports(session.sessionId), 1)
  })

  t.test('only the owner sees that it exists', async (t) => {
    const otherUser = await createAccount(server)
    for (const path of ['summary', 'report', 'report/pdf', 'report/csv', 'timeline']) {
      const ask = (sessionId: string, headers: Record<string, string>) =>
        server.app.inject({ url: `/api/session/${sessionId}/${path}`, headers })
      t.equal(refusal(await ask(session.sessionId, bearer(otherUser.accessToken))), '404 SESSION_NOT_FOUND')
      t.equal(refusal(await ask('sess_unknown', bearer(account.accessToken))), '404 SESSION_NOT_FOUND')
      t.equal(refusal(await ask(session.sessionId, {})), '401 UNAUTHORIZED')
    }
  })
})

t.test('a request at the same time as the end waits until the last window is answered', async (t) => {
  const { model, next } = createScriptedModel()
  const { session, get, end } = await live(t, { model, intervalMs: 8000 })
  const socket = await connect(t, session.wsUrls.landmarks)
  sendAll(socket, [...frames('happy', 20), JSON.stringify({ type: 'ping' })])
  await socket.next('pong')
  const answers = [get('summary'), get('report'), end(), get('summary'), get('report')] as const
  t.match(data(await answers[2]), { emotionCount: 0 }, 'end itself waits for nothing')
  const call = await next()
  t.equal(await countReports(session.sessionId), 0)
  call.answer(readingOf('surprised'))
  const [first, report, , second, sameReport] = (await Promise.all(answers)).map(data)
  t.match(first, { status: 'ended', dominantEmotion: { emotion: 'surprised', count: 1, percentage: 100 } })
  t.same(second, first)
  t.match(report, {
    reportId: /^rep_/,
    provenance: { models: ['scripted-1'], windows: { total: 1, gemini: 1 } },
  })
  t.same(sameReport, report)
  t.same(data(await get('summary')), first, 'and the same ever after')
})

t.test('a live session returns the data so far', async (t) => {
  const { session, get, end } = await live(t)
  t.match(data(await get('summary')), { status: 'active', endedAt: null, dominantEmotion: null })
  const socket = await connect(t, session.wsUrls.landmarks)
  await oneWindow(socket, session, 'happy')
  await eventually(
    () => get('summary').then(data),
    ({ dominantEmotion }) => dominantEmotion !== null,
  )
  t.match(data(await get('summary')), {
    status: 'active',
    endedAt: null,
    duration: Number,
    dominantEmotion: { emotion: 'happy', count: 1 },
  })
  t.match(data(await get('report')), {
    reportId: null,
    metadata: { status: 'active' },
    statistics: { windows: 1 },
  })
  t.equal(await countReports(session.sessionId), 0)
  await oneWindow(socket, session, 'sad')
  await end()
  t.match(
    data(await get('report')),
    { reportId: /^rep_/, statistics: { windows: 2 } },
    'and nothing is stored',
  )
})

t.test('a session without a window has a report too', async (t) => {
  const { get, end, session } = await live(t)
  await end()
  t.match(data(await get('summary')), {
    status: 'ended',
    dominantEmotion: null,
    keyObservations: ['분석된 구간이 없습니다.'],
    recommendations: [],
  })
  t.match(data(await get('report')), {
    analysis: { emotionSummary: null, vadSummary: null },
    vadTimeline: [],
  })
  t.equal(await countReports(session.sessionId), 1)
})

t.test('a late answer of the model does not change the report', async (t) => {
  const { model, next } = createScriptedModel()
  const { session, get, end } = await live(t, { model, env: { ANALYSIS_DEADLINE_MS: '50' } })
  const socket = await connect(t, session.wsUrls.landmarks)
  await oneWindow(socket, session, 'happy')
  ;(await next()).answer(readingOf('angry'))
  const refined = () =>
    database.sql`select 1 from emotion_windows where session_id = ${session.sessionId} and refined_emotion = 'angry'`
  await eventually(refined, ({ length }) => length === 1)
  await end()
  t.match(data(await get('summary')), { dominantEmotion: { emotion: 'happy', count: 1 } })
  const { analysis, ...report } = data(await get('report'))
  t.match(report, {
    emotionTimeline: [{ emotion: 'happy', source: 'local' }],
    provenance: { windows: { gemini: 0 } },
  })
  t.notOk(JSON.stringify([analysis, report]).includes('angry'))
})

t.test('finalisation', async (t) => {
  const { account } = await live(t, { env: { SESSION_GRACE_MS: '3600000' } })
  let made = 0
  /** An ended session that no instance has finalised. */
  const endedSession = async (more: object = {}) => {
    const id = `sess_${String(++made).padStart(32, '0')}`
    const startedAt = new Date(1_700_000_000_000)
    const endedAt = new Date(1_700_000_083_000)
    await orm
      .insert(sessions)
      .values({ id, userId: account.id, intervalMs: 10_000, startedAt, endedAt, status: 'ended', ...more })
    return id
  }
  const services = Array.from({ length: 2 }, () => {
    const finalised: string[] = []
    const service = createReportService({
      database,
      repository: reportsRepository,
      vault: plainVault,
      onFinalised: (id) => finalised.push(id),
      graceMs: 1000,
    })
    return { service, finalised }
  })
  const [one, two] = services
  if (one === undefined || two === undefined) throw new Error('there are two')

  t.test('twenty concurrent calls create one report and one notice', async (t) => {
    const id = await endedSession()
    await orm.insert(emotionWindows).values([windowRow(id, 1, 'happy'), windowRow(id, 2, 'sad')])
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { service } = i % 2 === 0 ? one : two
        const summary = service.summary(id, account.id)
        await service.finalise(id, `instance ${i % 2}`)
        return [await summary, await service.report(id, account.id)] as const
      }),
    )
    t.equal(await countReports(id), 1)
    t.equal([...one.finalised, ...two.finalised].filter((told) => told === id).length, 1)
    const [first] = answers
    for (const answer of answers) t.same(answer, first)
    t.match(first, [{ dominantEmotion: { count: 1 } }, { reportId: /^rep_/ }])
  })

  t.test('later data does not change it', async (t) => {
    const id = await endedSession()
    await orm.insert(emotionWindows).values(windowRow(id, 1, 'happy'))
    await one.service.finalise(id, null)
    const before = await one.service.report(id, account.id)
    await orm.insert(emotionWindows).values(windowRow(id, 2, 'sad'))
    await two.service.finalise(id, null)
    t.same(await two.service.report(id, account.id), before)
    t.match(before, { emotionTimeline: [{ window: 1 }], vadTimeline: [{ timestamp: Number }] })
  })

  t.test('a report of an older version is read, with its timelines from the rows', async (t) => {
    const id = await endedSession()
    await orm.insert(emotionWindows).values([windowRow(id, 1, 'happy'), windowRow(id, 2, 'sad')])
    await one.service.finalise(id, null)
    const before = await one.service.report(id, account.id)
    const [kept] = await database.sql`select content from reports where session_id = ${id}`
    t.notOk(kept?.['content'].emotionTimeline, 'a window is stored once')
    await database.sql`
      update reports set version = 2, content = content || '{"emotionTimeline":[],"vadTimeline":[]}'
      where session_id = ${id}`
    t.same(await one.service.report(id, account.id), before)
    await database.sql`update reports set version = 1, content = '{}' where session_id = ${id}`
    t.same(await one.service.report(id, account.id), before, 'and one of an unknown shape is built again')
  })

  t.test('late answers are not used', async (t) => {
    const id = await endedSession()
    const { scores, ...angry } = readingOf('angry')
    const refined = {
      refinedEmotion: angry.emotion,
      refinedConfidence: 1,
      refinedScores: scores,
      refinedValence: -1,
      refinedArousal: 1,
      refinedDominance: 1,
      refinedModel: 'a late model',
      refinedLatencyMs: 1,
    }
    await orm.insert(emotionWindows).values(windowRow(id, 1, 'happy', refined))
    const plain = await endedSession()
    await orm.insert(emotionWindows).values(windowRow(plain, 1, 'happy'))
    const contents = []
    for (const sessionId of [id, plain]) {
      await one.service.finalise(sessionId, null)
      const { analysis, vadTimeline, emotionTimeline, provenance } = await one.service.report(
        sessionId,
        account.id,
      )
      contents.push({ analysis, vadTimeline, emotionTimeline, provenance })
    }
    t.same(contents[0], contents[1])
  })

  t.test('while an instance owns the session, only that one creates its report', async (t) => {
    const id = await endedSession({
      leaseOwner: 'one',
      leaseEpoch: 1,
      leaseUntil: sql`now() + interval '1 hour'`,
    })
    await two.service.finalise(id, 'two')
    await two.service.finalise(id, null)
    t.equal(await countReports(id), 0)
    await one.service.finalise(id, 'one')
    t.equal(await countReports(id), 1)
  })

  t.test('a live session gets no report', async (t) => {
    const id = await endedSession({ status: 'paused', endedAt: null })
    await one.service.finalise(id, null)
    t.equal(await countReports(id), 0)
  })

  t.test(
    'after the death of its owner, the report of a session is created after the grace time, with the stored local answer of the last window',
    async (t) => {
      const owner = { leaseOwner: 'dead', leaseEpoch: 1, leaseUntil: sql`now() - interval '1 second'` }
      const id = await endedSession({ ...owner, endedAt: sql`now() - interval '2 seconds'` })
      await orm.insert(emotionWindows).values(windowRow(id, 1, 'sad', { answeredAt: null }))
      const recent = await endedSession({ endedAt: sql`now()` })
      await one.service.finaliseOverdue(100)
      t.same([await countReports(id), await countReports(recent)], [1, 0])
      t.match(await one.service.report(id, account.id), { statistics: { windows: 1 } })
      const [row] =
        await database.sql`select answered_at, model_outcome from emotion_windows where session_id = ${id}`
      t.match(row, { answered_at: String, model_outcome: 'owner_lost' })
    },
  )

  t.test('a waiting request gets the report of another instance, also if the notice is lost', async (t) => {
    const id = await endedSession()
    const waiting = one.service.report(id, account.id)
    await two.service.finalise(id, null)
    t.match(await waiting, { reportId: /^rep_/ })
  })
})
