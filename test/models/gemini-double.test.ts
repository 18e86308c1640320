import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { createRandom, draw } from '../../gemini-double/latency.ts'
import type { RecordedRequest } from '../../gemini-double/protocol.ts'
import { readScript } from '../../gemini-double/script-file.ts'
import { parseAnswer, RESPONSE_SCHEMA } from '../../src/live/model/gemini-answer.ts'
import { buildPrompt } from '../../src/live/model/prompt.ts'
import { analysisInput } from '../helpers/analysis-input.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { HAPPY, overloaded, stream } from '../helpers/gemini-steps.ts'

const CONTENTS = [{ role: 'user', parts: [{ text: 'hello' }] }]

/** Sends a request like one to the API. */
const ask = (baseUrl: string, { streaming = false, body = {}, model = 'gemini-x', key = DOUBLE_KEY } = {}) =>
  fetch(
    `${baseUrl}/v1beta/models/${model}:${streaming ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    {
      method: 'POST',
      headers: { 'x-goog-api-key': key },
      body: JSON.stringify({ contents: CONTENTS, ...body }),
    },
  )

type Event = {
  candidates?: { content: { parts: { text: string }[] }; finishReason?: string }[]
  usageMetadata?: { promptTokenCount: number; candidatesTokenCount: number; totalTokenCount: number }
  error?: { status: string }
}
const eventsOf = (text: string): Event[] =>
  text
    .split('\r\n\r\n')
    .filter(Boolean)
    .map((event) => JSON.parse(event.slice('data: '.length)) as Event)
const textOf = ({ candidates }: Event) => candidates?.[0]?.content.parts[0]?.text

t.test('a stream sends its chunks in order, counts its tokens and ends with a reason', async (t) => {
  const ends = { stop: 'STOP', limit: 'MAX_TOKENS', blocked: 'SAFETY' } as const
  for (const [end, reason] of Object.entries(ends)) {
    const double = await createGeminiDouble(t, [
      stream(['하나', ' 둘', ' 셋'], { end: end as keyof typeof ends }),
    ])
    const events = eventsOf(await (await ask(double.baseUrl, { streaming: true })).text())
    t.strictSame(events.map(textOf), ['하나', ' 둘', ' 셋'])
    t.strictSame(
      events.map(({ candidates }) => candidates?.[0]?.finishReason),
      [undefined, undefined, reason],
    )
    const usage = events.at(-1)?.usageMetadata
    t.equal(usage?.totalTokenCount, Number(usage?.promptTokenCount) + Number(usage?.candidatesTokenCount))
  }
})

t.test('a stream may contain an error, break in the middle, or hang', async (t) => {
  const double = await createGeminiDouble(t, [stream(['one'], { end: 'error' })])
  const events = eventsOf(await (await ask(double.baseUrl, { streaming: true })).text())
  t.equal(events.at(-1)?.error?.status, 'UNAVAILABLE')
  double.script([stream(['one', 'two'], { end: 'cut' })])
  await t.rejects(async () => (await ask(double.baseUrl, { streaming: true })).text())
  double.script([stream(['one'], { end: 'hang' })])
  const response = await ask(double.baseUrl, { streaming: true })
  const reader = response.body?.getReader()
  const first = await reader?.read()
  t.match(new TextDecoder().decode(first?.value as Uint8Array), /one/)
  const silence = reader?.read()
  const waited = await Promise.race([silence, new Promise((resolve) => setTimeout(resolve, 30, 'silent'))])
  t.equal(waited, 'silent')
  await double.close()
  await t.rejects(async () => silence)
})

t.test(
  'a stream may end without a reason, as a gateway writes it, with thoughts and in a fence',
  async (t) => {
    const say = async (entry: object) => {
      const double = await createGeminiDouble(
        t,
        readScript(JSON.stringify({ sequence: [{ do: 'answer', ...entry }] })),
      )
      return (await ask(double.baseUrl, { streaming: true })).text()
    }
    t.notMatch(await say({ end: 'unfinished' }), /finishReason/)
    const [first] = eventsOf(await say({ thought: 'so', text: 'one' }))
    t.match(first?.candidates?.[0]?.content.parts, [
      { text: 'so', thought: true },
      { text: 'one', thought: false },
    ])
    const written = await say({ form: 'gateway', chunks: ['one'] })
    for (const line of [/^: /m, /^event: /m, /^id: /m, /^retry: /m, /^data: \[DONE\]$/m])
      t.match(written, line)
    t.match(
      eventsOf(await say({ fenced: true, text: '{}' }))
        .map(textOf)
        .join(''),
      /^```json\n\{\}\n```$/,
    )
  },
)

t.test('refusals contain the reason', async (t) => {
  for (const [deed, status, words] of [
    ['region', 400, /FAILED_PRECONDITION.*|location is not supported/],
    ['setting-refused', 400, /INVALID_ARGUMENT/],
    ['daily-quota', 429, /quotaId.*PerDay/],
  ] as const) {
    const double = await createGeminiDouble(t, readScript(JSON.stringify({ sequence: [{ do: deed }] })))
    const answer = await ask(double.baseUrl)
    t.equal(answer.status, status)
    t.match(await answer.text(), words)
  }
})

t.test('a stream follows the pace of the script', async (t) => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  const double = await createGeminiDouble(t, [stream(['one', 'two'], { pace: () => gate })])
  const reader = (await ask(double.baseUrl, { streaming: true })).body?.getReader()
  const first = await reader?.read()
  t.notMatch(new TextDecoder().decode(first?.value as Uint8Array), /two/)
  release()
  const second = await reader?.read()
  t.match(new TextDecoder().decode(second?.value as Uint8Array), /two/)
})

t.test('every included script is valid', async (t) => {
  const folder = new URL('../../gemini-double/scripts/', import.meta.url)
  const names = await readdir(folder)
  t.ok(names.length >= 7)
  for (const name of names) {
    const script = readScript(await readFile(new URL(name, folder), 'utf8'))
    t.type(script, 'function', name)
  }
})

t.test('an invalid script is refused with the path of its fault', async (t) => {
  const faults: Record<string, RegExp> = {
    '{': /JSON/,
    '[]': /script: it is not understood/,
    '{"sequence": []}': /sequence/,
    '{"mix": [{"do": "dance"}]}': /mix/,
    '{"latencyMs": -1}': /latencyMs/,
    '{"latency": 5}': /not understood/,
    '{"phases": [{"mix": [{"do": "hang"}]}]}': /phases/,
  }
  for (const [text, fault] of Object.entries(faults)) t.throws(() => readScript(text), fault, text)
})

t.test('sequences, shares, phases and models of a script', async (t) => {
  let now = 0
  const status = async (baseUrl: string, model = 'gemini-x') => (await ask(baseUrl, { model })).status
  const play = async (script: object) =>
    createGeminiDouble(
      t,
      readScript(JSON.stringify(script), () => now),
    )
  const inOrder = await play({ sequence: [{ do: 'overloaded' }, { do: 'rate-limited' }, { do: 'answer' }] })
  const seen = []
  for (let request = 0; request < 4; request++) seen.push(await status(inOrder.baseUrl))
  t.strictSame(seen, [503, 429, 200, 200])
  const mixed = await play({ seed: 5, mix: [{ do: 'answer', share: 3 }, { do: 'overloaded' }] })
  let bad = 0
  for (let request = 0; request < 200; request++) if ((await status(mixed.baseUrl)) === 503) bad++
  t.ok(bad > 30 && bad < 70, `${bad} of 200`)
  const phased = await play({
    phases: [
      { forMs: 100, sequence: [{ do: 'answer' }] },
      { forMs: 100, sequence: [{ do: 'overloaded' }] },
    ],
  })
  now = 5000
  t.equal(await status(phased.baseUrl), 200, 'phases count from the first request')
  now = 5100
  t.equal(await status(phased.baseUrl), 503)
  now = 99_999
  t.equal(await status(phased.baseUrl), 503, 'the last one lasts')
  const retired = await play({ models: { 'gemini-old': { sequence: [{ do: 'model-not-found' }] } } })
  t.equal(await status(retired.baseUrl, 'gemini-old'), 404)
  t.equal(await status(retired.baseUrl, 'gemini-new'), 200)
})

t.test('latencies follow their distribution and are the same for the same seed', async (t) => {
  const sample = (seed: number, latency: Parameters<typeof draw>[0]) => {
    const random = createRandom(seed)
    return Array.from({ length: 4000 }, () => draw(latency, random)).sort((a, b) => a - b)
  }
  const skewed = sample(1, { p50: 900, p95: 2400 })
  t.strictSame(skewed, sample(1, { p50: 900, p95: 2400 }))
  t.not(skewed[0], sample(2, { p50: 900, p95: 2400 })[0])
  const [p50 = 0, p95 = 0] = [skewed[2000], skewed[3800]]
  t.ok(p50 > 850 && p50 < 950, `median ${p50}`)
  t.ok(p95 > 2150 && p95 < 2650, `95th percentile ${p95}`)
  const even = sample(1, { min: 10, max: 20 })
  t.ok(Number(even[0]) >= 10 && Number(even.at(-1)) < 20)
  t.equal(sample(1, 7)[0], 7)
  t.equal(sample(1, { p50: 0, p95: 0 })[0], 0)
})

t.test(
  'without a script the double agrees with the local answer, and follows any other schema',
  async (t) => {
    const seen: RecordedRequest[] = []
    const script = readScript('{}')
    const double = await createGeminiDouble(t, script, { apiKey: null, onRequest: (one) => seen.push(one) })
    const { system, user } = buildPrompt(analysisInput())
    const say = async (body: object) => {
      const answer = (await (await ask(double.baseUrl, { key: 'any', body })).json()) as Event
      return textOf(answer) ?? ''
    }
    const config = (responseSchema: object) => ({ responseMimeType: 'application/json', responseSchema })
    const reading = parseAnswer(
      await say({
        systemInstruction: { role: 'user', parts: [{ text: system }] },
        contents: [{ role: 'user', parts: [{ text: user }] }],
        generationConfig: config(RESPONSE_SCHEMA),
      }),
    )
    t.match(reading, { reading: { emotion: 'happy', uncertain: false } })
    const other = {
      type: 'object',
      properties: {
        kind: { type: 'string', enum: ['a', 'b'] },
        list: { type: 'array', items: { type: 'integer' }, minItems: 2 },
        yes: { type: 'boolean' },
        words: { type: 'string' },
      },
      required: ['kind'],
    }
    t.strictSame(JSON.parse(await say({ generationConfig: config(other) })), {
      kind: 'a',
      list: [0, 0],
      yes: false,
      words: 'text',
    })
    t.match(await say({}), /[a-z]/)
    t.equal(seen.length, 3)
    t.match(seen[0], { model: 'gemini-x', streaming: false })
  },
)

t.test('a double with a key refuses others', async (t) => {
  const double = await createGeminiDouble(t, [overloaded()])
  t.equal((await ask(double.baseUrl, { key: 'another' })).status, 400)
  t.equal((await ask(double.baseUrl)).status, 503)
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
