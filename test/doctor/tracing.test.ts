import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { examine, expectFinding } from './kit.ts'

/** A collector that treats each request like this; its address. */
async function startCollector(t: Pick<Test, 'teardown'>, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // listening on TCP
  return `http://127.0.0.1:${port}`
}

t.test('without a collector nothing is checked', async (t) => {
  expectFinding(t, await examine({}), ['tracing.collector', 'ok', /no traces are sent/])
})

t.test('a collector is asked as the server asks it', async (t) => {
  const asked: unknown[] = []
  const address = await startCollector(t, (request, response) => {
    const { url, method, headers } = request
    asked.push({ url, method, type: headers['content-type'], key: headers['api-key'] })
    response.end()
  })
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${address}/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20word, b=c',
  }
  expectFinding(t, await examine(settings), ['tracing.collector', 'ok', /takes traces$/])
  expectFinding(t, await examine({ ...settings, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }), [
    'tracing.collector',
    'ok',
    /takes traces$/,
  ])
  const request = { url: '/v1/traces', method: 'POST', key: 'a word' }
  t.same(asked, [
    { ...request, type: 'application/x-protobuf' },
    { ...request, type: 'application/json' },
  ])
})

t.test('a wrong key, a wrong path and a collector that refuses are named', async (t) => {
  const address = await startCollector(t, ({ url = '' }, response) => {
    response.writeHead(Number(/(\d+)/.exec(url)?.[1])).end()
  })
  const at = (status: number) =>
    examine({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${address}/answer/${status}` })
  expectFinding(t, await at(401), ['tracing.collector', 'fail', /refuses the key \(HTTP 401\)/, /_HEADERS/])
  expectFinding(t, await at(404), [
    'tracing.collector',
    'fail',
    /takes no traces at \/answer\/404/,
    /_TRACES_ENDPOINT/,
  ])
  expectFinding(t, await at(415), ['tracing.collector', 'warn', /HTTP 415/, /_PROTOCOL/])
})

t.test('a collector that is away or silent is named', async (t) => {
  const away = await examine({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' })
  expectFinding(t, away, [
    'tracing.collector',
    'fail',
    /cannot be reached \(ECONNREFUSED\)/,
    /start the collector/,
  ])
  const address = await startCollector(t, () => undefined)
  const silent = await examine({ OTEL_EXPORTER_OTLP_ENDPOINT: address })
  expectFinding(t, silent, ['tracing.collector', 'fail', /does not answer within 5 s/, /check the collector/])
})

t.test('settings of tracing that are not valid are named', async (t) => {
  for (const [name, value, cause] of [
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', /must be/],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', /must be one of http\/protobuf, http\/json/],
    ['OTEL_TRACES_SAMPLER', 'sometimes', /must be one of always_on/],
    ['OTEL_TRACES_SAMPLER_ARG', '2', /must be a number from 0 to 1/],
  ] as const)
    expectFinding(t, await examine({ [name]: value }), ['configuration', 'fail', cause, /for example/])
})
