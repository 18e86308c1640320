import t, { type Test } from 'tap'
import { BROWSER_ORIGIN, connect } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { builtModule } from '../helpers/built.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { type Fleet, FLEET_SECRET, type Instance, startFleet } from '../helpers/fleet.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { answer } from '../helpers/gemini-steps.ts'
import { attributesOf, type OtlpSpan, startCollector } from '../helpers/otlp-collector.ts'
import { startProcess, temporaryFolder } from '../helpers/server-process.ts'
import { openClients } from '../helpers/web-client.ts'

// Real server processes that send their traces to a collector of the test.

const INTERVAL_MS = '1000'
const TOKEN = 'a-token-of-the-metrics'
const EMAIL = 'fleet@example.com' // of the account of a fleet

const BASE = { ANALYSIS_INTERVAL_MS: INTERVAL_MS, METRICS_TOKEN: TOKEN, OTEL_BSP_SCHEDULE_DELAY: '100' }

const startServer = async (t: Test, env: Readonly<Record<string, string>>) => {
  const fleet = await startFleet(t, 1, { ...BASE, ...env })
  const [instance] = fleet.instances as [Instance] // as many as were asked for
  return { fleet, instance }
}

type LogLine = Readonly<Record<string, unknown>>

const linesOf = ({ log }: Instance): LogLine[] =>
  log.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []))

const named = (spans: readonly OtlpSpan[], name: string) => spans.filter((span) => span.name === name)

/** Streams until so many windows have been received, and returns the session. */
async function stream(t: Test, { fleet, instance }: { fleet: Fleet; instance: Instance }, windows: number) {
  const [client] = await openClients(t, fleet, { count: 1, instances: [instance] })
  if (client === undefined) throw new Error('no client')
  await client.receives(windows)
  return client
}

async function readMetric(instance: Instance, name: string): Promise<number> {
  const answered = await fetch(`${instance.origin}/metrics`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  const line = (await answered.text()).split('\n').find((one) => one.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1))
}

t.test(
  'each window is a trace from its close to its delivery, linked to the handshake of its socket',
  async (t) => {
    const gemini = await createGeminiDouble(t, [answer()])
    const collector = await startCollector(t)
    const server = await startServer(t, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=of-the-collector',
      GEMINI_API_KEY: DOUBLE_KEY,
      GEMINI_BASE_URL: gemini.baseUrl,
      GEMINI_MODELS: 'gemini-2.5-flash-lite',
    })
    const client = await stream(t, server, 3)
    /** A window with all its spans that the model has answered, which it has not on a busy machine. */
    const findWhole = (all: readonly OtlpSpan[]) =>
      named(all, 'window').find(({ traceId }) => {
        const parts = all.filter((span) => span.traceId === traceId)
        return parts.length >= 5 && parts.some((part) => attributesOf(part)['maeum.source'] === 'gemini')
      })
    const spans = await eventually(collector.spans, (all) => findWhole(all) !== undefined)

    const window = findWhole(spans)
    if (window === undefined) throw new Error('no window')
    const parts = spans.filter(({ traceId }) => traceId === window.traceId)
    t.same(parts.map(({ name }) => name).toSorted(), ['analysis', 'commit', 'commit', 'delivery', 'window'])
    for (const part of parts) if (part !== window) t.equal(part.parentSpanId, window.spanId, part.name)
    t.match(attributesOf(window), { 'maeum.window': Number, 'maeum.outcome': 'delivered' })
    const [analysis] = named(parts, 'analysis') as [OtlpSpan]
    t.match(attributesOf(analysis), {
      'maeum.source': 'gemini',
      'gen_ai.request.model': 'gemini-2.5-flash-lite',
    })
    t.ok(BigInt(window.endTimeUnixNano) >= BigInt(analysis.endTimeUnixNano), 'it ends with its delivery')

    const [handshake] = named(spans, 'handshake') as [OtlpSpan]
    t.match(attributesOf(handshake), { 'maeum.channel': 'landmarks', 'maeum.outcome': 'admitted' })
    t.match(window.links, [{ traceId: handshake.traceId, spanId: handshake.spanId }])
    t.equal(collector.received[0]?.path, '/v1/traces')
    t.equal(collector.received[0]?.headers['api-key'], 'of-the-collector')

    const line = await eventually(
      () => linesOf(server.instance).find(({ msg }) => String(msg).startsWith('🎯 Gemini')),
      (found) => found !== undefined,
    )
    t.ok(
      named(spans.concat(collector.spans()), 'window').some(({ traceId }) => traceId === line?.['trace_id']),
    )
    t.ok(
      linesOf(server.instance).some(
        ({ msg, trace_id }) => String(msg).includes('Emotion saved') && trace_id !== undefined,
      ),
    )
    client.stream(false)

    t.equal(named(spans, 'POST /api/session/start').length, 1)
    const id = client.session.id
    await fetch(`${server.instance.origin}/api/session/${id}?secret=of-a-query`, {
      headers: { authorization: 'Bearer no-token' },
    })
    await connect(t, `${server.instance.origin.replace('http', 'ws')}/ws/voice/${id}?ticket=of-a-socket`)
    await eventually(collector.spans, (all) => named(all, 'handshake').length >= 2)
    const [refused] = await eventually(
      () => named(collector.spans(), 'GET /api/session/:id'),
      ({ length }) => length > 0,
    )
    t.match(refused, { status: { code: 0 } }, 'a fault of the caller is none of the server')
    t.equal(attributesOf(refused as OtlpSpan)['http.response.status_code'], 401)
    const request = await eventually(
      () => linesOf(server.instance).find(({ url }) => String(url).startsWith('/api/session/sess_')),
      (found) => found !== undefined,
    )
    t.equal(request?.['trace_id'], refused?.traceId)

    const bytes = Buffer.concat(collector.received.map(({ body }) => body)).toString()
    const secrets = [
      id,
      id.slice(0, 12),
      EMAIL,
      'password123',
      TOKEN,
      'of-a-query',
      'of-a-socket',
      'no-token',
      '127.0.0.1',
      BROWSER_ORIGIN,
    ]
    for (const secret of [...secrets, 'happy', 'Bearer']) t.notOk(bytes.includes(secret), secret)
    t.ok((await readMetric(server.instance, 'maeum_spans_total{fate="exported"}')) > 10)
    t.equal(await readMetric(server.instance, 'maeum_spans_total{fate="dropped"}'), 0)
  },
)

t.test('traces leave as protobuf unless JSON is set', async (t) => {
  const collector = await startCollector(t)
  const server = await startServer(t, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/mine` })
  const client = await stream(t, server, 2)
  await eventually(() => collector.received.some(({ body }) => body.includes('window')), Boolean)
  const [first] = collector.received
  t.equal(first?.path, '/mine')
  t.equal(first?.headers['content-type'], 'application/x-protobuf')
  t.notOk(Buffer.concat(collector.received.map(({ body }) => body)).includes(client.session.id))
})

t.test(
  'a collector that hangs costs spans only, and holds up neither windows nor the shutdown',
  async (t) => {
    const collector = await startCollector(t, 'hangs')
    const server = await startServer(t, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_MAX_QUEUE_SIZE: '10',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '5',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    })
    const client = await stream(t, server, 3)
    await eventually(
      () => readMetric(server.instance, 'maeum_spans_total{fate="dropped"}'),
      (dropped) => dropped > 4,
    )
    const lost = linesOf(server.instance).filter(({ msg }) => msg === 'traces were not sent to the collector')
    t.equal(lost.length, 1, 'one line, however many are lost')
    const before = client.windows().length
    await client.receives(2)
    t.ok(client.windows().length >= before + 2, 'windows are delivered')
    server.instance.signal('SIGTERM')
    const code = await server.instance.ended
    t.equal(
      code,
      0,
      `it ends in order, within its nine seconds: ${linesOf(server.instance)
        .slice(-8)
        .map(({ time, msg }) => `${String(time)} ${String(msg)}`)
        .join('; ')}`,
    )
  },
)

t.test('a collector that is away or refuses is reported once', async (t) => {
  const collector = await startCollector(t, 'refuses')
  const server = await startServer(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  await stream(t, server, 2)
  await eventually(
    () => readMetric(server.instance, 'maeum_spans_total{fate="failed"}'),
    (failed) => failed > 4,
  )
  const lost = linesOf(server.instance).filter(({ msg }) => msg === 'traces were not sent to the collector')
  t.match(lost, [{ fate: 'failed', reason: '400' }])
  t.equal(lost.length, 1)
})

/** Prints, at the end of a process, how many modules of OpenTelemetry it has loaded; the metrics always load its API. */
const PROBE = `import { createRequire } from 'node:module'
  const { cache } = createRequire('/')
  process.on('exit', () => console.error('loaded', Object.keys(cache).filter((path) => /@opentelemetry.(?!api.)|@fastify.otel/.test(path)).length))`

t.test('nothing of it is loaded while it is off', async (t) => {
  const database = await createTestDatabase(t)
  const collector = await startCollector(t)
  const loaded = async (env: Readonly<Record<string, string>>) => {
    const settings = { HOST: '127.0.0.1', JWT_SECRET: FLEET_SECRET, DATABASE_URL: database.url, ...env }
    const probe = `data:text/javascript,${encodeURIComponent(PROBE)}`
    const server = startProcess(t, await temporaryFolder(t), settings, [
      '--import',
      probe,
      builtModule('main'),
    ])
    await server.listening()
    server.child.kill('SIGTERM')
    t.equal(await server.ended, 0)
    return Number(/^loaded (\d+)$/m.exec(server.output.stderr)?.[1])
  }
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  t.equal(await loaded({}), 0)
  t.equal(await loaded({ ...endpoint, OTEL_SDK_DISABLED: 'true' }), 0)
  t.ok((await loaded(endpoint)) > 20, 'the probe sees it when it is on')
})

t.test('the trace of a caller is continued only behind a trusted proxy', async (t) => {
  const collector = await startCollector(t)
  const ask = async (traceId: string, env: Readonly<Record<string, string>>) => {
    const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }
    const { instance } = await startServer(t, { ...settings, ...env })
    await fetch(`${instance.origin}/api/session/sess_unknown`, {
      headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    })
    const isAsked = ({ name }: OtlpSpan) => name === 'GET /api/session/:id'
    instance.signal('SIGTERM')
    t.equal(await instance.ended, 0)
    return collector.spans().filter(isAsked).at(-1)?.traceId
  }
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  t.match(await ask(traceId, {}), /^(?!4bf92f35)[0-9a-f]{32}$/)
  t.equal(await ask(traceId, { TRUST_PROXY: '1' }), traceId)
})

t.test('the standard sampler is honoured', async (t) => {
  const collector = await startCollector(t)
  const server = await startServer(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: 'always_off',
  })
  await stream(t, server, 2)
  server.instance.signal('SIGTERM')
  await server.instance.ended
  t.same(collector.received, [])
})
