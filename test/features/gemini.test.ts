import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import t, { type Test } from 'tap'
import { EMOTIONS } from '../../src/domain/emotion.ts'
import type { ModelAnswer, ModelFailure } from '../../src/features/analysis/analyser.ts'
import {
  createGeminiAnalyser,
  type GeminiOptions,
} from '../../src/features/analysis/model/gemini-analyser.ts'
import { buildPrompt, hashPrompt } from '../../src/features/analysis/prompt.ts'
import { analysisInput } from '../helpers/analysis-input.ts'
import { createGeminiDouble, DOUBLE_KEY, type Script } from '../helpers/gemini-double.ts'
import * as steps from '../helpers/gemini-steps.ts'

const { HAPPY } = steps
const INPUT = analysisInput({ speech: '비밀 이야기' })

/** Too short for a second round, for chance is at its highest here. */
const ONE_ROUND_MS = 240

/** A double that plays `script` and an analyser that asks it; the cap is out of the way unless set. */
async function setUp(t: Test, script: Script, changes: Partial<GeminiOptions> = {}) {
  const double = await createGeminiDouble(t, script)
  const attempts: (readonly [string, 'answered' | ModelFailure])[] = []
  const analyser = createGeminiAnalyser({
    apiKey: DOUBLE_KEY,
    models: ['gemini-3.5-flash-lite'],
    baseUrl: double.baseUrl,
    timeoutMs: 10_000,
    onRequest: (model, outcome) => attempts.push([model, outcome]),
    random: () => 0.999,
    ...changes,
  })
  const analyse = (signal = new AbortController().signal, deadlineMs = ONE_ROUND_MS) =>
    analyser.analyse(INPUT, signal, deadlineMs)
  return { double, attempts, analyse, analyser }
}

function isFailure(t: Test, answer: ModelAnswer, reason: ModelFailure, detail?: RegExp): void {
  t.match(answer, { outcome: 'failed', reason, ...(detail && { detail }) })
  if (answer.outcome !== 'failed') return
  t.ok(answer.detail.length < 80, 'detail is short')
  t.notMatch(answer.detail, /AIza|비밀|melancholy|frames 38/, 'detail holds no key, prompt or answer')
}

/** Resolves when the headers of an answer have reached this process. */
function headersArrived(): Promise<void> {
  return new Promise((resolve) => {
    const arrived = () => {
      unsubscribe('undici:request:headers', arrived)
      resolve()
    }
    subscribe('undici:request:headers', arrived)
  })
}

t.test('a good answer becomes a reading with its model, latency and tokens', async (t) => {
  const { analyse, attempts } = await setUp(t, [steps.answer()])
  const answer = await analyse()
  t.match(answer, {
    outcome: 'answered',
    model: 'gemini-3.5-flash-lite',
    reading: { ...HAPPY, uncertain: false },
    asked: { promptHash: hashPrompt(buildPrompt(INPUT)) },
  })
  t.ok(answer.latencyMs > 0)
  const { promptTokens, answerTokens } = answer.asked ?? {}
  t.ok(
    Number(promptTokens) > 300 && Number(promptTokens) < 1000,
    `${String(promptTokens)} tokens of the prompt`,
  )
  t.ok(Number(answerTokens) > 40, `${String(answerTokens)} tokens of the answer`)
  t.strictSame(attempts, [['gemini-3.5-flash-lite', 'answered']])
})

t.test('the request says what the API takes, carries the key in its header and no landmark', async (t) => {
  const models = ['gemini-3.1-flash-lite', 'gemini-2.5-flash-lite', 'gemini-2.0-flash']
  const { double, analyse } = await setUp(t, [steps.overloaded()], { models })
  await analyse()
  const [minimal, budget, none] = double.requests
  t.match(minimal, { method: 'POST', model: models[0], headers: { 'x-goog-api-key': DOUBLE_KEY } })
  t.match(minimal?.body, {
    generationConfig: {
      responseMimeType: 'application/json',
      responseSchema: { properties: { emotion: { enum: EMOTIONS } } },
      maxOutputTokens: 512,
      thinkingConfig: { thinkingLevel: 'minimal' },
    },
  })
  t.match(budget?.body, { generationConfig: { thinkingConfig: { thinkingBudget: 0 } } })
  t.notMatch(JSON.stringify(none?.body), /thinking/)
  const sent = JSON.stringify(minimal?.body)
  t.notMatch(sent, /"[xyz]"|\[\s*-?\d/, 'neither points nor rows of numbers')
  t.ok((sent.match(/\d+(\.\d+)?/g)?.length ?? 0) < 150, 'far fewer numbers than one frame has')
  t.notMatch(sent + String(minimal?.path), DOUBLE_KEY)
})

t.test('each fault of the outside world has its reason', async (t) => {
  const faults: Record<string, [steps.Step, ModelFailure, RegExp]> = {
    '429': [steps.rateLimited(12), 'rate_limited', /^HTTP 429, retry after 12s$/],
    '500': [steps.overloaded(500), 'overloaded', /^HTTP 500$/],
    '502': [steps.overloaded(502), 'overloaded', /^HTTP 502$/],
    '503': [steps.overloaded(503), 'overloaded', /^HTTP 503$/],
    '504': [steps.overloaded(504), 'overloaded', /^HTTP 504$/],
    '503 from a proxy': [steps.html(503), 'overloaded', /^HTTP 503$/],
    '404': [steps.modelNotFound(), 'model_not_found', /^HTTP 404$/],
    '400 for the key': [steps.keyRefused(400), 'key_refused', /^HTTP 400$/],
    '400 for the region': [steps.regionRefused(), 'rejected', /^HTTP 400, region not supported$/],
    '400 for the thinking': [
      steps.settingRefused('Thinking is not supported for this model.'),
      'rejected',
      /^HTTP 400, thinking setting refused$/,
    ],
    '400 for another setting': [steps.settingRefused(), 'rejected', /^HTTP 400$/],
    '429 for the day': [steps.dailyQuota(), 'rate_limited', /^HTTP 429, quota of the day$/],
    '401': [steps.keyRefused(401), 'key_refused', /^HTTP 401$/],
    '403': [steps.keyRefused(403), 'key_refused', /^HTTP 403$/],
    'a 200 page of HTML': [steps.html(), 'malformed', /HTTP 200/],
    'JSON that is no object': [steps.body(null), 'malformed', /HTTP 200/],
    'candidates of a strange shape': [steps.body({ candidates: 'none' }), 'malformed', /./],
    'no candidates': [steps.noCandidates(), 'malformed', /no candidate/],
    'an empty object': [steps.body({}), 'malformed', /no candidate/],
    'an empty text': [steps.answer(''), 'malformed', /empty text/],
    'JSON cut at the output limit': [steps.cut(), 'truncated', /output limit/],
    'all output spent on thinking': [steps.thoughtOnly(), 'truncated', /output limit, thinking took/],
    'an answer blocked for safety': [steps.blocked(), 'blocked', /SAFETY/],
    'an answer blocked for its content': [steps.blocked('PROHIBITED_CONTENT'), 'blocked', /PROHIBITED/],
    'a blocked prompt': [steps.promptBlocked(), 'blocked', /prompt/],
    'a connection reset': [steps.reset(), 'unreachable', /no connection/],
    'a body that breaks off': [steps.breakOff(), 'unreachable', /within the answer/],
  }
  for (const [name, [step, reason, detail]] of Object.entries(faults)) {
    t.test(name, async (t) => {
      const { analyse, attempts } = await setUp(t, [step])
      isFailure(t, await analyse(), reason, detail)
      t.strictSame(attempts, [['gemini-3.5-flash-lite', reason]])
    })
  }
})

t.test('an address where nobody listens is unreachable', async (t) => {
  const { double, analyse } = await setUp(t, [])
  await double.close()
  isFailure(t, await analyse(), 'unreachable')
})

t.test('a request that one model finds wrong goes to the next, and to none twice', async (t) => {
  const models = ['gemini-x', 'gemini-y']
  const refuse = { status: 400, body: { error: { code: 400, message: DOUBLE_KEY, details: 'odd' } } }
  const { double, analyse } = await setUp(t, [steps.refuse(refuse)], { models, random: () => 0 })
  isFailure(t, await analyse(undefined, 5000), 'rejected', /^HTTP 400$/)
  t.strictSame(
    double.requests.map(({ model }) => model),
    models,
  )
  for (const refusal of [steps.settingRefused(), steps.regionRefused(), steps.modelNotFound()]) {
    const other = await setUp(t, ({ model }) => (model === 'gemini-x' ? refusal : steps.answer()), { models })
    t.match(await other.analyse(), { outcome: 'answered', model: 'gemini-y' })
  }
})

t.test('a model that refuses our requests is named once, until it answers one', async (t) => {
  const refusals: string[] = []
  const { double, analyse, analyser } = await setUp(t, [steps.regionRefused()], {
    onRefused: (model, detail) => refusals.push(`${model}: ${detail}`),
  })
  const told = 'gemini-3.5-flash-lite: HTTP 400, region not supported'
  await analyse()
  await analyse()
  t.strictSame(refusals, [told])
  t.match(analyser.states(), [{ rejected: 'HTTP 400, region not supported' }])
  double.script([steps.answer()])
  await analyse()
  t.match(analyser.states(), [{ rejected: null }])
  double.script([steps.regionRefused()])
  await analyse()
  t.strictSame(refusals, [told, told])
})

t.test('an answer in a fence, or behind a thought, is read', async (t) => {
  const text = JSON.stringify(HAPPY)
  for (const step of [
    steps.answer(steps.fenced(text)),
    steps.stream([text], { thought: 'The face is happy.' }),
  ]) {
    const { analyse } = await setUp(t, [step])
    t.match(await analyse(), { outcome: 'answered', reading: { emotion: 'happy' } })
  }
})

t.test('an answer is checked again', async (t) => {
  const { scores } = HAPPY
  const malformed: Record<string, unknown> = {
    'a label of its own': { ...HAPPY, emotion: 'melancholy' },
    'no label': { ...HAPPY, emotion: undefined },
    'a label that is no text': { ...HAPPY, emotion: 3 },
    'confidence over 1': { ...HAPPY, confidence: 1.01 },
    'a negative confidence': { ...HAPPY, confidence: -0.01 },
    'a confidence as text': { ...HAPPY, confidence: '0.9' },
    'valence under -1': { ...HAPPY, valence: -1.2 },
    'arousal over 1': { ...HAPPY, arousal: 3 },
    'no dominance': { ...HAPPY, dominance: null },
    'a missing score': { ...HAPPY, scores: { ...scores, fearful: undefined } },
    'a score out of range': { ...HAPPY, scores: { ...scores, happy: 1.8 } },
    'scores in a list': { ...HAPPY, scores: Object.values(scores) },
    'scores far from a sum of 1': { ...HAPPY, scores: { ...scores, happy: 0.2 } },
    'a list': [HAPPY],
    'prose around the JSON': `Here you are: ${JSON.stringify(HAPPY)}`,
    'an endless number': JSON.stringify(HAPPY).replace('0.7', '1e999'),
  }
  for (const [name, content] of Object.entries(malformed)) {
    t.test(`${name} is malformed`, async (t) => {
      const { analyse } = await setUp(t, [steps.answer(content as object | string)])
      isFailure(t, await analyse(), 'malformed')
    })
  }
})

/** The reading that comes of `content`. */
async function readingOf(t: Test, content: object) {
  const { analyse } = await setUp(t, [steps.answer(content)])
  const answer = await analyse()
  if (answer.outcome === 'failed') throw new Error(`no reading: ${answer.detail}`)
  return answer.reading
}

t.test('the alias `excited` and another case of letters are understood', async (t) => {
  t.equal((await readingOf(t, { ...HAPPY, emotion: 'excited' })).emotion, 'surprised')
  t.equal((await readingOf(t, { ...HAPPY, emotion: 'Happy' })).emotion, 'happy')
})

t.test('scores near a sum of 1 are scaled to it and all numbers have four decimals', async (t) => {
  const scores = { ...HAPPY.scores, happy: 0.75 }
  const reading = await readingOf(t, { ...HAPPY, confidence: 0.823456, valence: -0.00001, scores })
  const sum = EMOTIONS.reduce((total, emotion) => total + reading.scores[emotion], 0)
  t.ok(Math.abs(sum - 1) < 1e-3, `sum ${sum}`)
  t.equal(reading.scores.happy, 0.7895)
  t.equal(reading.confidence, 0.8235)
  t.equal(reading.valence, 0)
})

t.test('a reading of low confidence, narrow margin or contradiction is uncertain', async (t) => {
  t.equal((await readingOf(t, HAPPY)).uncertain, false)
  t.equal((await readingOf(t, { ...HAPPY, confidence: 0.49 })).uncertain, true)
  const narrow = { ...HAPPY.scores, happy: 0.46, neutral: 0.42 }
  t.equal((await readingOf(t, { ...HAPPY, scores: narrow })).uncertain, true)
  t.equal((await readingOf(t, { ...HAPPY, emotion: 'sad' })).uncertain, true)
})

t.test('an abort before the headers closes the connection', async (t) => {
  const { double, analyse } = await setUp(t, [steps.hangBeforeHeaders()])
  const controller = new AbortController()
  const answer = analyse(controller.signal)
  await double.nextRequest()
  t.equal(double.connections, 1)
  controller.abort()
  isFailure(t, await answer, 'aborted')
  await double.connectionClosed()
  t.equal(double.requests.length, 1, 'nothing is asked again')
})

t.test('an abort within the body closes the connection', async (t) => {
  for (const status of [200, 503]) {
    const { double, analyse } = await setUp(t, [steps.hangMidBody(status)])
    const controller = new AbortController()
    const headers = headersArrived()
    const answer = analyse(controller.signal)
    await headers
    controller.abort()
    isFailure(t, await answer, 'aborted')
    await double.connectionClosed()
    t.equal(double.requests.length, 1, 'nothing is asked again')
  }
})

t.test('the cap strikes although the caller waits on, and closes the connection', async (t) => {
  const hanging = [steps.hangBeforeHeaders(), steps.hangMidBody(), steps.drip({ everyMs: 10 })]
  for (const step of hanging) {
    const { double, analyse } = await setUp(t, [step], { timeoutMs: 100, models: ['gemini-x', 'gemini-y'] })
    const { signal } = new AbortController()
    const answer = await analyse(signal)
    isFailure(t, answer, 'timed_out')
    t.ok(answer.latencyMs >= 99 && answer.latencyMs < 5000, `after ${answer.latencyMs} ms`)
    await double.connectionClosed()
    t.equal(double.requests.length, 1, 'no other model is asked')
    t.strictSame(getEventListeners(signal, 'abort'), [], 'nothing is left on the signal')
  }
})

t.test('a slow answer within the cap is an answer', async (t) => {
  const { analyse } = await setUp(t, [steps.drip({ size: 50, everyMs: 2 })])
  t.equal((await analyse()).outcome, 'answered')
})

t.test('an already aborted signal makes no request', async (t) => {
  const { double, analyse, attempts } = await setUp(t, [steps.answer()])
  isFailure(t, await analyse(AbortSignal.abort()), 'aborted')
  t.equal(double.requests.length, 0)
  t.equal(double.connections, 0)
  t.strictSame(attempts, [])
})

t.test('models are tried in order while they are missing, overloaded or limited', async (t) => {
  const models = ['gemini-a', 'gemini-b', 'gemini-c', 'gemini-d']
  const script = [steps.modelNotFound(), steps.overloaded(), steps.rateLimited(), steps.answer()]
  const { double, analyse, attempts } = await setUp(t, script, { models })
  t.match(await analyse(), { outcome: 'answered', model: 'gemini-d' })
  t.strictSame(
    double.requests.map(({ model }) => model),
    models,
  )
  t.strictSame(
    attempts.map(([, outcome]) => outcome),
    ['model_not_found', 'overloaded', 'rate_limited', 'answered'],
  )
})

t.test('when every model fails the last failure is the answer', async (t) => {
  const models = ['gemini-a', 'gemini-b']
  const { analyse } = await setUp(t, [steps.overloaded(), steps.rateLimited()], { models })
  t.match(await analyse(), { reason: 'rate_limited', model: 'gemini-b' })
})

t.test('a refused key, a block and a bad answer end the attempt at once', async (t) => {
  for (const step of [
    steps.keyRefused(),
    steps.keyRefused(403),
    steps.blocked(),
    steps.cut(),
    steps.html(),
  ]) {
    const { double, analyse } = await setUp(t, [step], { models: ['gemini-a', 'gemini-b'] })
    t.equal((await analyse()).outcome, 'failed')
    t.equal(double.requests.length, 1)
  }
})

t.test('an abort between two models asks no further', async (t) => {
  const controller = new AbortController()
  const { double, analyse } = await setUp(t, [steps.overloaded()], {
    models: ['gemini-a', 'gemini-b'],
    onRequest: () => controller.abort(),
  })
  t.match(await analyse(controller.signal), { reason: 'aborted', model: 'gemini-a' })
  t.equal(double.requests.length, 1)
})

t.test('a missing model is not asked again for ten minutes', async (t) => {
  let now = 0
  const script: Script = ({ model }) => (model === 'gemini-a' ? steps.modelNotFound() : steps.answer())
  const { double, analyse } = await setUp(t, script, { models: ['gemini-a', 'gemini-b'], now: () => now })
  const asked = async () => {
    const before = double.requests.length
    await analyse()
    return double.requests.slice(before).map(({ model }) => model)
  }
  t.strictSame(await asked(), ['gemini-a', 'gemini-b'])
  t.strictSame(await asked(), ['gemini-b'])
  now = 10 * 60_000 - 1
  t.strictSame(await asked(), ['gemini-b'])
  now = 10 * 60_000
  t.strictSame(await asked(), ['gemini-a', 'gemini-b'])
})

t.test('when all models are retired the answer comes without a request', async (t) => {
  const { double, analyse } = await setUp(t, [steps.modelNotFound()])
  await analyse()
  isFailure(t, await analyse(), 'model_not_found', /cannot be asked/)
  t.equal(double.requests.length, 1)
})

t.test('a wrong key is refused and stays out of the answer', async (t) => {
  const { analyse } = await setUp(t, [steps.answer()], { apiKey: 'AIzaSomeOtherKey' })
  isFailure(t, await analyse(), 'key_refused', /^HTTP 400$/)
})

t.test('an analyser without models is a mistake of the caller', async (t) => {
  t.throws(() => createGeminiAnalyser({ apiKey: 'k', models: [], baseUrl: null, timeoutMs: 1 }), RangeError)
})

t.test('the double refuses what the API refuses', async (t) => {
  const double = await createGeminiDouble(t)
  const contents = [{ role: 'user', parts: [{ text: 'hello' }] }]
  const post = async (body: unknown, path = 'models/gemini-2.5-flash:generateContent', key = DOUBLE_KEY) => {
    const headers = { 'x-goog-api-key': key }
    const request = { method: 'POST', headers, body: JSON.stringify(body) }
    const response = await fetch(`${double.baseUrl}/v1beta/${path}`, request)
    return { status: response.status, text: await response.text() }
  }
  const withSchema = (responseSchema: object) => {
    return post({ contents, generationConfig: { responseMimeType: 'application/json', responseSchema } })
  }
  const nested = (field: object) => {
    return withSchema({ type: 'object', properties: { a: { type: 'number', ...field } }, required: ['a'] })
  }
  t.equal((await nested({})).status, 200)
  for (const field of [{ minimum: 0 }, { maximum: 1 }, { additionalProperties: false }]) {
    t.match(await nested(field), { status: 400, text: Object.keys(field)[0] })
  }
  t.equal((await post({ contents: [] })).status, 400)
  t.equal(
    (await post({ contents, generationConfig: { thinkingConfig: { thinkingLevel: 'low' } } })).status,
    400,
  )
  const thinking = async (model: string, thinkingConfig: object) =>
    post({ contents, generationConfig: { thinkingConfig } }, `models/${model}:generateContent`)
  for (const model of ['gemini-3.1-pro-preview', 'gemini-3.7-flash', 'gemini-3.8-flash'])
    t.match(await thinking(model, { thinkingLevel: 'minimal' }), {
      status: 400,
      text: /Thinking level MINIMAL is not supported for this model\./,
    })
  t.match(await thinking('gemini-2.5-pro', { thinkingBudget: 0 }), {
    status: 400,
    text: /Budget 0 is invalid/,
  })
  for (const model of ['gemini-3.6-flash', 'gemini-3.8-flash-lite'])
    t.equal((await thinking(model, { thinkingLevel: 'minimal' })).status, 200, model)
  t.equal((await post({ contents }, 'models/gemini-x:countTokens')).status, 404)
  const streamed = await post({ contents }, 'models/gemini-x:streamGenerateContent?alt=sse')
  const texts = streamed.text
    .split('\r\n\r\n')
    .filter(Boolean)
    .map((event) => JSON.parse(event.slice('data: '.length)).candidates[0].content.parts[0].text)
  t.strictSame(JSON.parse(texts.join('')), HAPPY)
})
