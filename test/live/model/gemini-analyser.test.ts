import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import t, { type Test } from 'tap'
import { EMOTIONS } from '../../../src/domain/emotion.ts'
import type { ModelFailure } from '../../../src/live/model/analyser.ts'
import { createGeminiAnalyser } from '../../../src/live/model/gemini-analyser.ts'
import { buildPrompt, hashPrompt } from '../../../src/live/model/prompt.ts'
import { analysisInput } from '../../helpers/analysis-input.ts'
import { DOUBLE_KEY, type Script } from '../../helpers/gemini-double.ts'
import * as steps from '../../helpers/gemini-steps.ts'
import { createTestAnalyser, isFailure, MODEL } from '../../helpers/models.ts'

const { HAPPY } = steps
const INPUT = analysisInput({ speech: '비밀 이야기' })

/** Too short for a second round, for chance is at its highest here. */
const ONE_ROUND_MS = 240

/** A double that plays `script` and an analyser that asks it in one round, however slow the machine is: its clock stands. */
async function setUp(t: Test, script: Script, changes: Parameters<typeof createTestAnalyser>[2] = {}) {
  const setting = await createTestAnalyser(t, script, {
    input: INPUT,
    random: () => 0.999,
    now: () => 0,
    ...changes,
  })
  const analyse = (signal?: AbortSignal, deadlineMs = ONE_ROUND_MS) => setting.analyse(deadlineMs, signal)
  const attempts = () => setting.calls.map(({ model, outcome }) => [model, outcome])
  return { ...setting, analyse, attempts }
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
  const { analyse, attempts } = await setUp(t, [steps.answer()], { now: () => performance.now() })
  const answer = await analyse(undefined, 10_000)
  t.match(answer, {
    outcome: 'answered',
    model: MODEL,
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
  t.strictSame(attempts(), [[MODEL, 'answered']])
})

t.test('the request says what the API takes, carries the key in its header and no landmark', async (t) => {
  const models = ['gemini-3.1-flash-lite', 'gemini-2.5-flash-lite', 'gemini-2.0-flash']
  const { double, analyse } = await setUp(t, [steps.overloaded()], { names: models })
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
      t.strictSame(attempts(), [[MODEL, reason]])
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
  const { double, analyse } = await setUp(t, [steps.refuse(refuse)], { names: models, random: () => 0 })
  isFailure(t, await analyse(undefined, 5000), 'rejected', /^HTTP 400$/)
  t.strictSame(
    double.requests.map(({ model }) => model),
    models,
  )
  for (const refusal of [steps.settingRefused(), steps.regionRefused(), steps.modelNotFound()]) {
    const other = await setUp(t, ({ model }) => (model === 'gemini-x' ? refusal : steps.answer()), {
      names: models,
    })
    t.match(await other.analyse(), { outcome: 'answered', model: 'gemini-y' })
  }
})

t.test('a model that refuses our requests is named once, until it answers one', async (t) => {
  const refusals: string[] = []
  const { double, analyse, states } = await setUp(t, [steps.regionRefused()], {
    onRefused: (model, detail) => refusals.push(`${model}: ${detail}`),
  })
  const told = 'gemini-3.5-flash-lite: HTTP 400, region not supported'
  await analyse()
  await analyse()
  t.strictSame(refusals, [told])
  t.match(states(), [{ rejected: 'HTTP 400, region not supported' }])
  double.script([steps.answer()])
  await analyse()
  t.match(states(), [{ rejected: null }])
  double.script([steps.regionRefused()])
  await analyse()
  t.strictSame(refusals, [told, told])
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
    const { double, analyse } = await setUp(t, [step], {
      timeoutMs: 500,
      names: ['gemini-x', 'gemini-y'],
      now: () => performance.now(),
    })
    const { signal } = new AbortController()
    const answer = await analyse(signal, 10_000)
    isFailure(t, answer, 'timed_out')
    t.ok(answer.latencyMs >= 499 && answer.latencyMs < 5000, `after ${answer.latencyMs} ms`)
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
  t.strictSame(attempts(), [])
})

t.test('models are tried in order while they are missing, overloaded or limited', async (t) => {
  const models = ['gemini-a', 'gemini-b', 'gemini-c', 'gemini-d']
  const script = [steps.modelNotFound(), steps.overloaded(), steps.rateLimited(), steps.answer()]
  const { double, analyse, attempts } = await setUp(t, script, { names: models })
  t.match(await analyse(), { outcome: 'answered', model: 'gemini-d' })
  t.strictSame(
    double.requests.map(({ model }) => model),
    models,
  )
  t.strictSame(
    attempts().map(([, outcome]) => outcome),
    ['model_not_found', 'overloaded', 'rate_limited', 'answered'],
  )
})

t.test('when every model fails the last failure is the answer', async (t) => {
  const models = ['gemini-a', 'gemini-b']
  const { analyse } = await setUp(t, [steps.overloaded(), steps.rateLimited()], { names: models })
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
    const { double, analyse } = await setUp(t, [step], { names: ['gemini-a', 'gemini-b'] })
    t.equal((await analyse()).outcome, 'failed')
    t.equal(double.requests.length, 1)
  }
})

t.test('an abort between two models asks no further', async (t) => {
  const controller = new AbortController()
  const { double, analyse } = await setUp(t, [steps.overloaded()], {
    names: ['gemini-a', 'gemini-b'],
    onCall: () => controller.abort(),
  })
  t.match(await analyse(controller.signal), { reason: 'aborted', model: 'gemini-a' })
  t.equal(double.requests.length, 1)
})

t.test('a missing model is not asked again for ten minutes', async (t) => {
  let now = 0
  const script: Script = ({ model }) => (model === 'gemini-a' ? steps.modelNotFound() : steps.answer())
  const { double, analyse } = await setUp(t, script, { names: ['gemini-a', 'gemini-b'], now: () => now })
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

t.test('when all models are disabled the answer comes without a request', async (t) => {
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
  t.throws(() => createGeminiAnalyser({ models: [], timeoutMs: 1 }), RangeError)
})
