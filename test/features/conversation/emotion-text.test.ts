import t, { type Test } from 'tap'
import { EMOTIONS } from '../../../src/domain/emotion.ts'
import { bearer, createAccount, startTestApp } from '../../helpers/app.ts'
import { createGeminiDouble, DOUBLE_KEY, type Script } from '../../helpers/gemini-double.ts'
import * as steps from '../../helpers/gemini-steps.ts'

async function setUp(t: Test, env: Record<string, string> = {}) {
  const server = await startTestApp(t, { env })
  const { accessToken } = await createAccount(server)
  const post = (payload: unknown, headers: Record<string, string> = bearer(accessToken)) =>
    server.app.inject({ method: 'POST', url: '/api/emotion', headers, payload: payload as object })
  return { ...server, post, accessToken }
}

const withModel = async (t: Test, script: Script, env: Record<string, string> = {}) => {
  const double = await createGeminiDouble(t, script)
  const key = {
    GEMINI_API_KEY: DOUBLE_KEY,
    GEMINI_BASE_URL: double.baseUrl,
    GEMINI_MODELS: 'gemini-3.5-flash-lite',
  }
  return { double, ...(await setUp(t, { ...key, ...env })) }
}

const TEXT = '오늘은 정말 행복해요'

t.test('without a key the local reader infers the emotion of a text', async (t) => {
  const { post } = await setUp(t)
  const answer = await post({ text: TEXT })
  t.equal(answer.statusCode, 200)
  const { success, data } = answer.json()
  t.equal(success, true)
  t.match(data, { emotion: 'happy', source: 'local' })
  t.ok(data.confidence > 0 && data.confidence <= 1)
  const { data: unsure } = (await post({ text: 'ㅇㅇ' })).json()
  t.match(unsure, { uncertain: true, source: 'local' }, 'marked as uncertain')
})

t.test('invalid requests and requests without a token are refused', async (t) => {
  const { post } = await setUp(t)
  for (const payload of [
    {},
    { text: '' },
    { text: 5 },
    { text: null },
    { text: 'a'.repeat(2001) },
    { text: 'a\u0000' },
    [],
  ]) {
    const answer = await post(payload)
    t.equal(answer.statusCode, 400, JSON.stringify(payload).slice(0, 40))
    t.match(answer.json().error, { code: 'VALIDATION_ERROR', message: /[가-힣]/ })
  }
  t.match((await post({ text: '' })).json().error.details, [{ field: 'text' }])
  t.equal((await post({ text: 'a'.repeat(2000) })).statusCode, 200)
  t.match((await post({ text: TEXT }, {})).json().error, { code: 'UNAUTHORIZED' })
})

t.test('with a key the model gets the text and a schema', async (t) => {
  const { post, double, log } = await withModel(t, [steps.answer({ emotion: 'anxious', confidence: 0.4 })])
  t.same((await post({ text: TEXT })).json().data, {
    emotion: 'anxious',
    confidence: 0.4,
    uncertain: true,
    source: 'gemini',
  })
  const [request] = double.requests
  t.match(request?.body, {
    contents: [{ role: 'user', parts: [{ text: TEXT }] }],
    generationConfig: {
      responseMimeType: 'application/json',
      responseSchema: { properties: { emotion: { enum: EMOTIONS } }, required: ['emotion', 'confidence'] },
    },
  })
  t.notOk(
    log.some((line) => line.includes(TEXT)),
    'the text is not logged',
  )
})

t.test(
  "self-harm language is not sent to a model and returns the lines in the caller's language",
  async (t) => {
    const { post, double, accessToken } = await withModel(t, [
      steps.answer({ emotion: 'happy', confidence: 1 }),
    ])
    for (const text of ['그냥 사라지고 싶어', 'Everyone would be better off without me']) {
      const { data } = (await post({ text })).json()
      t.match(data, {
        source: 'local',
        crisis: { level: 'urgent', message: /109/, lines: [{ number: '109' }] },
      })
      t.match(data.crisis.message, /[가-힣]/)
    }
    const english = { ...bearer(accessToken), 'accept-language': 'en' }
    const { crisis } = (await post({ text: 'My friend says she wants to die' }, english)).json().data
    t.match(crisis, { level: 'gentle', message: /109/ })
    t.notMatch(crisis.message, /[가-힣]/)
    t.equal(double.requests.length, 0)
    t.notOk((await post({ text: TEXT })).json().data.crisis)
    t.equal(double.requests.length, 1)
  },
)

t.test('the local reader answers in time after every failure of the model', async (t) => {
  const faults = [
    steps.overloaded(),
    steps.keyRefused(),
    steps.html(),
    steps.blocked(),
    steps.noCandidates(),
    steps.answer('no json'),
    steps.answer({ emotion: 'melancholy', confidence: 0.5 }),
    steps.answer({ emotion: 'happy', confidence: 7 }),
    steps.reset(),
    steps.hangBeforeHeaders(),
  ]
  const { post, double } = await withModel(t, faults, { GEMINI_TIMEOUT_MS: '300' })
  while (double.requests.length < faults.length)
    t.match((await post({ text: TEXT })).json().data, { emotion: 'happy', source: 'local' })
  t.equal(double.requests.length, faults.length)
})

t.test('a request that one model rejects is sent to the next, unless the key is refused', async (t) => {
  const good = steps.answer({ emotion: 'anxious', confidence: 0.9 })
  const env = { GEMINI_MODELS: 'gemini-3.5-flash-lite,gemini-3.6-flash' }
  for (const refusal of [steps.settingRefused(), steps.regionRefused(), steps.modelNotFound()]) {
    const { post, double } = await withModel(t, [refusal, good], env)
    t.match((await post({ text: TEXT })).json().data, { emotion: 'anxious', source: 'gemini' })
    t.equal(double.requests.length, 2)
  }
  const { post, double } = await withModel(t, [steps.keyRefused(), good], env)
  t.match((await post({ text: TEXT })).json().data, { source: 'local' })
  t.equal(double.requests.length, 1)
})

t.test('an answer in a code fence or after a thought is read', async (t) => {
  const text = JSON.stringify({ emotion: 'anxious', confidence: 0.9 })
  for (const step of [steps.answer(steps.fenced(text)), steps.stream([text], { thought: 'A happy text.' })]) {
    const { post } = await withModel(t, [step])
    t.match((await post({ text: TEXT })).json().data, { emotion: 'anxious', source: 'gemini' })
  }
})

t.test('emotions are not inferred if inference is disabled', async (t) => {
  const { post } = await setUp(t, { INFERENCE_ENABLED: 'false' })
  const answer = await post({ text: TEXT })
  t.equal(answer.statusCode, 503)
  t.match(answer.json().error, { code: 'AI_UNAVAILABLE' })
})
