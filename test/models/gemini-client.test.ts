import t, { type Test } from 'tap'
import { createGeminiClient, type GeminiRequest } from '../../src/models/gemini-client.ts'
import type { ThinkingSettings } from '../../src/models/profile.ts'
import { textOf } from '../../src/models/response.ts'
import { createGeminiDouble, DOUBLE_KEY, type Script } from '../helpers/gemini-double.ts'
import type { RecordedRequest } from '../helpers/gemini-protocol.ts'
import * as steps from '../helpers/gemini-steps.ts'

const REQUEST: GeminiRequest = {
  system: 's',
  contents: [{ role: 'user', parts: [{ text: 'hello' }] }],
  maxOutputTokens: 512,
}
const PIECES = ['네, 그 마음을 ', '들었어요. ', '조금 더 말씀해 ', '주시겠어요?']

async function setUp(t: Test, script: Script = [steps.answer('네.')], thinking: ThinkingSettings = []) {
  const double = await createGeminiDouble(t, script)
  const client = createGeminiClient({ apiKey: DOUBLE_KEY, baseUrl: `${double.baseUrl}/`, thinking })
  const { signal } = new AbortController()
  const generate = async (model: string, how = signal) => textOf(await client.generate(model, REQUEST, how))
  const stream = async (model = 'gemini-3.5-flash-lite') => {
    let text = ''
    for await (const part of client.stream(model, REQUEST, signal)) text += textOf(part)
    return text
  }
  return { double, generate, stream }
}

type GenerationConfig = { thinkingConfig?: unknown; maxOutputTokens: number }
const configOf = ({ body }: RecordedRequest) =>
  (body as { generationConfig: GenerationConfig }).generationConfig
const thinkingOf = (request: RecordedRequest) => configOf(request).thinkingConfig

t.test('each family accepts its thinking setting', async (t) => {
  const { double, generate, stream } = await setUp(t)
  const models = [
    'gemini-3.8-flash',
    'gemini-3.7-flash',
    'gemini-3.6-flash',
    'gemini-3.5-flash-lite',
    'gemini-3.1-pro-preview',
    'gemini-2.5-pro',
    'gemini-2.5-flash',
    'gemini-2.0-flash',
    'gemini-flash-latest',
  ]
  for (const model of models) {
    t.equal(await generate(model), '네.', model)
    t.equal(await stream(model), '네.', `${model} streams`)
  }
  t.equal(double.requests.length, 2 * models.length, 'each is asked once')
})

t.test('a thinking model gets more output tokens', async (t) => {
  const { double, generate } = await setUp(t)
  const room = async (model: string) => {
    await generate(model)
    return double.requests.map(configOf).at(-1)?.maxOutputTokens ?? 0
  }
  t.ok((await room('gemini-3.8-flash')) >= 2048)
  t.ok((await room('gemini-2.5-pro')) >= 2048)
  t.equal(await room('gemini-3.6-flash'), 512)
})

t.test('a refused thinking setting is reduced, and the result is cached', async (t) => {
  const settings: ThinkingSettings = [
    ['gemini-3.8-flash', 'minimal'],
    ['gemini-2.5-flash', 'high'],
    ['gemini-2.5-pro', '0'],
  ]
  const { double, generate, stream } = await setUp(t, undefined, settings)
  t.equal(await stream('gemini-3.8-flash'), '네.')
  t.equal(await generate('gemini-3.8-flash'), '네.')
  t.same(double.requests.map(thinkingOf), [
    { thinkingLevel: 'minimal' },
    { thinkingLevel: 'low' },
    { thinkingLevel: 'low' },
  ])
  for (const model of ['gemini-2.5-flash', 'gemini-2.5-pro']) {
    const before = double.requests.length
    t.equal(await generate(model), '네.')
    t.equal(await generate(model), '네.')
    const asked = double.requests.slice(before).map(thinkingOf)
    t.same(asked.slice(1), [{ thinkingLevel: 'low' }, undefined, undefined], model)
  }
})

t.test('another refusal is not repeated', async (t) => {
  for (const step of [
    steps.settingRefused(),
    steps.regionRefused(),
    steps.keyRefused(),
    steps.overloaded(),
  ]) {
    const { double, generate, stream } = await setUp(t, [step])
    await t.rejects(generate('gemini-3.6-flash'))
    await t.rejects(stream('gemini-3.6-flash'))
    t.equal(double.requests.length, 2)
  }
})

t.test('nothing is sent after an abort', async (t) => {
  const { double, generate } = await setUp(t)
  await t.rejects(generate('gemini-3.6-flash', AbortSignal.abort()))
  t.equal(double.requests.length, 0)
})

t.test('every format of an event stream is parsed', async (t) => {
  const forms: Record<string, steps.EventForm> = {
    'LF as the end of a line': (json) => `data: ${json}\n\n`,
    'CR as the end of a line': (json) => `data: ${json}\r\r`,
    'a comment before each event': (json) => `: keep-alive\n\ndata: ${json}\n\n`,
    'a comment within each event': (json) => `: x\ndata: ${json}\n\n`,
    'the kind of each event': (json) => `event: message\ndata: ${json}\n\n`,
    'numbers and waits': (json) => `id: 1\nretry: 3000\ndata: ${json}\n\n`,
    'no blank after the colon': (json) => `data:${json}\n\n`,
    'a mark of the end': (json, isLast) => `data: ${json}\n\n${isLast ? 'data: [DONE]\n\n' : ''}`,
    'blank lines between': (json) => `\n\n\ndata: ${json}\n\n`,
    'an event of two lines': (json) => `data: ${json.slice(0, 20)}\ndata: ${json.slice(20)}\n\n`,
    'no blank line after the last event': (json, isLast) => `data: ${json}${isLast ? '' : '\n\n'}`,
    'no line end after the last event': (json, isLast) => `data: ${json}${isLast ? '' : '\r\n\r\n'}`,
    'a byte order mark': (json) => `${json.includes(PIECES[0] ?? '') ? '\uFEFF' : ''}data: ${json}\n\n`,
    'a separator of lines within the text': (json) => `data: ${json.replace('말씀', '\u2028')}\n\n`,
    'all that a gateway adds': steps.AS_GATEWAY,
  }
  for (const [name, form] of Object.entries(forms)) {
    const { stream } = await setUp(t, [steps.stream(PIECES, { form })])
    t.equal((await stream()).replace('\u2028', '말씀'), PIECES.join(''), name)
  }
})

t.test('an event that is split within a character is parsed', async (t) => {
  const whole = Buffer.from(PIECES.join(''))
  const { stream } = await setUp(t, [
    async (_request, response) => {
      const event = `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text: String(whole) }] } }] })}\r\n\r\n`
      for (const byte of Buffer.from(event)) {
        response.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
      response.end()
    },
  ])
  t.equal(await stream(), PIECES.join(''))
})

t.test('thoughts are not part of the text, also in a stream', async (t) => {
  const { generate, stream } = await setUp(t, [steps.stream(PIECES, { thought: 'The user seems sad.' })])
  t.equal(await generate('gemini-3.8-flash'), PIECES.join(''))
  t.equal(await stream(), PIECES.join(''))
})

t.test('an event that is not JSON, and an endless stream, are errors', async (t) => {
  const broken = await setUp(t, [steps.stream(PIECES, { form: (json) => `data: ${json.slice(1)}\n\n` })])
  await t.rejects(broken.stream(), SyntaxError)
  const endless = await setUp(t, [steps.stream(PIECES, { form: () => `: ${'x'.repeat(1_100_000)}\n\n` })])
  await t.rejects(endless.stream(), RangeError)
})
