import t, { type Test } from 'tap'
import { bearer, createAccount, startTestApp } from '../../helpers/app.ts'
import { createGeminiDouble, DOUBLE_KEY, type Script } from '../../helpers/gemini-double.ts'
import * as steps from '../../helpers/gemini-steps.ts'

const MIB = 1024 * 1024
const SPOKEN = '안녕하세요, 오늘은 좀 어떠세요?'

type Answer = { readonly error?: { readonly code: string; readonly details?: unknown } }

async function setUp(t: Test, env: Record<string, string> = {}) {
  const server = await startTestApp(t, { env })
  const { accessToken } = await createAccount(server)
  /** Sends a form like a browser, over a real connection. */
  const post = async (
    body: FormData | string | undefined,
    headers: Record<string, string> = bearer(accessToken),
  ) => {
    const answer = await fetch(`${server.origin}/api/stt/transcribe`, {
      method: 'POST',
      headers,
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(60_000),
    })
    return { status: answer.status, json: (await answer.json()) as Answer } // matched by each test
  }
  return { ...server, post, accessToken }
}

async function withModel(t: Test, script: Script, env: Record<string, string> = {}) {
  const double = await createGeminiDouble(t, script)
  const key = {
    GEMINI_API_KEY: DOUBLE_KEY,
    GEMINI_BASE_URL: double.baseUrl,
    GEMINI_MODELS: 'gemini-3.5-flash-lite',
  }
  return { double, ...(await setUp(t, { ...key, ...env })) }
}

function form(content: Uint8Array | string, type: string, field = 'audio'): FormData {
  const data = new FormData()
  data.append(field, new Blob([content], { type }), 'recording')
  return data
}

const WAV = new Uint8Array([...Buffer.from('RIFF\0\0\0\0WAVEfmt '), ...new Array<number>(400).fill(7)])

t.test('a recording is transcribed by the model and returned in both fields', async (t) => {
  const { post, double, log } = await withModel(t, [steps.answer(` ${SPOKEN}\n`)])
  const { status, json } = await post(form(WAV, 'audio/webm;codecs=opus'))
  t.equal(status, 200)
  t.same(json, { success: true, data: { text: SPOKEN }, text: SPOKEN })
  const [request] = double.requests
  const inlineData = { mimeType: 'audio/webm', data: Buffer.from(WAV).toString('base64') }
  t.match(request?.body, { contents: [{ role: 'user', parts: [{ inlineData }] }] })
  t.notOk(log.some((line) => line.includes(SPOKEN) || line.includes(inlineData.data.slice(0, 30))))
})

t.test('spoken self-harm language returns the crisis lines', async (t) => {
  const { post } = await withModel(t, [steps.answer('더는 살고 싶지 않아요.')])
  const { json } = await post(form(WAV, 'audio/wav'))
  t.match(json, {
    text: '더는 살고 싶지 않아요.',
    data: { text: '더는 살고 싶지 않아요.', crisis: { level: 'urgent', message: /109[^]*1577-0199/ } },
  })
})

t.test('a recording without speech returns an empty text', async (t) => {
  const { post } = await withModel(t, [steps.answer('')])
  t.match(await post(form(WAV, 'audio/wav')), { status: 200, json: { text: '', data: { text: '' } } })
})

t.test('an undeclared audio type is determined by the first bytes', async (t) => {
  const { post, double } = await withModel(t, [steps.answer(SPOKEN)])
  t.equal((await post(form(WAV, 'application/octet-stream'))).status, 200)
  t.match(double.requests[0]?.body, { contents: [{ parts: [{ inlineData: { mimeType: 'audio/wav' } }] }] })
})

t.test('other uploads are refused, and the model is not called', async (t) => {
  const { post, double, accessToken } = await withModel(t, [steps.answer(SPOKEN)])
  const refused = async (what: string, body: FormData | string | undefined, headers = {}) => {
    const { status, json } = await post(body, { ...bearer(accessToken), ...headers })
    t.equal(status, 400, what)
    t.match(json.error, { code: 'VALIDATION_ERROR', message: /[가-힣]/ }, what)
    return json.error?.details
  }
  const wrong = form(WAV, 'audio/wav', 'file')
  t.match(await refused('another field', wrong), [{ field: 'audio', message: /[가-힣]/ }])
  t.match(await refused('a text', form('hello', 'text/plain')), [{ field: 'audio' }])
  t.match(await refused('an unknown kind', form('hello', 'application/octet-stream')), [{ field: 'audio' }])
  t.match(await refused('an empty file', form('', 'audio/wav')), [{ field: 'audio' }])
  t.match(await refused('no body', undefined), [{ field: 'audio' }])
  t.match(await refused('JSON', '{"audio":"x"}', { 'content-type': 'application/json' }), [
    { field: 'audio' },
  ])
  const text = new FormData()
  text.append('audio', 'not a file')
  await refused('a text in the field', text)
  await refused('no boundary', 'x', { 'content-type': 'multipart/form-data' })
  await refused('cut off', '--b\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\nabc', {
    'content-type': 'multipart/form-data; boundary=b',
  })
  const several = form(WAV, 'audio/wav', 'other')
  several.append('audio', new Blob([WAV], { type: 'audio/wav' }), 'recording')
  await refused('another file before it', several)
  t.equal(double.requests.length, 0)
})

t.test('a recording of 10 MiB is accepted, one byte more is refused', async (t) => {
  const { post } = await withModel(t, [steps.answer(SPOKEN)])
  const { status, json } = await post(form(new Uint8Array(10 * MIB + 1), 'audio/wav'))
  t.equal(status, 413)
  t.match(json.error, { code: 'BODY_TOO_LARGE', message: /[가-힣]/ })
  const most = await post(form(new Uint8Array(10 * MIB), 'audio/wav'))
  t.equal(most.status, 503, 'accepted; the double refuses a request of that size')
})

t.test('without a key or an answer of the model, speech-to-text is unavailable', async (t) => {
  const without = await setUp(t)
  t.match(await without.post(form(WAV, 'audio/wav')), {
    status: 503,
    json: { success: false, error: { code: 'STT_UNAVAILABLE', message: /[가-힣]/ } },
  })
  t.match(await without.post(form(WAV, 'audio/wav'), {}), { status: 401 })
  const faults = [steps.overloaded(), steps.blocked(), steps.hangBeforeHeaders()]
  const { post, double } = await withModel(t, faults, { GEMINI_TIMEOUT_MS: '300' })
  while (double.requests.length < faults.length)
    t.match(await post(form(WAV, 'audio/wav')), { status: 503, json: { error: { code: 'STT_UNAVAILABLE' } } })
})

t.test('a request that one model rejects is sent to the next, unless the key is refused', async (t) => {
  const env = { GEMINI_MODELS: 'gemini-2.5-pro,gemini-3.6-flash' }
  for (const refusal of [steps.settingRefused(), steps.regionRefused(), steps.modelNotFound()]) {
    const { post, double } = await withModel(t, [refusal, steps.answer(SPOKEN)], env)
    t.match(await post(form(WAV, 'audio/wav')), { status: 200, json: { text: SPOKEN } })
    t.equal(double.requests.length, 2)
  }
  const { post, double, log } = await withModel(t, [steps.keyRefused(), steps.answer(SPOKEN)], env)
  t.match(await post(form(WAV, 'audio/wav')), { status: 503 })
  t.equal(double.requests.length, 1)
  t.ok(log.some((line) => line.includes('key_refused')))
})

t.test('the number of concurrent recordings is limited', async (t) => {
  const { post, double, app, database, origin, log } = await withModel(t, [steps.hangBeforeHeaders()])
  const other = await createAccount({ app, database, origin, log })
  const owners = [undefined, undefined, bearer(other.accessToken), bearer(other.accessToken)]
  const waiting = owners.map((owner) => post(form(WAV, 'audio/wav'), owner).catch(() => undefined))
  for (let i = 0; i < 4; i++) await double.nextRequest()
  t.match(await post(form(WAV, 'audio/wav')), { status: 429, json: { error: { code: 'RATE_LIMITED' } } })
  const third = await createAccount({ app, database, origin, log })
  t.match(await post(form(WAV, 'audio/wav'), bearer(third.accessToken)), {
    status: 503,
    json: { error: { code: 'SERVER_BUSY' } },
  })
  await double.close()
  await Promise.all(waiting)
  t.match(
    await post(form(WAV, 'audio/wav')),
    { status: 503, json: { error: { code: 'STT_UNAVAILABLE' } } },
    'the slots are released',
  )
})
