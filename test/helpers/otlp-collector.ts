import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'

type Value = {
  readonly stringValue?: string
  readonly intValue?: number | string
  readonly boolValue?: boolean
}
type Attribute = { readonly key: string; readonly value: Value }

/** A span as OTLP has it in JSON. */
export type OtlpSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly Attribute[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly events: readonly unknown[]
  readonly status: { readonly code?: number; readonly message?: string }
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
}

type Received = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }

/** How it treats a request: answers, refuses it, or leaves it open. */
type Manner = 'answers' | 'refuses' | 'hangs'

/** The attributes of a span, by name. */
export const attributesOf = ({ attributes }: OtlpSpan): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? Number(value.intValue)]),
  )

type Payload = { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] }

/** An OpenTelemetry collector, with all that it has received. */
export async function startCollector(t: Pick<Test, 'teardown'>, manner: Manner = 'answers') {
  const received: Received[] = []
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      received.push({ path: request.url ?? '', headers: request.headers, body })
      if (manner === 'hangs') return
      response.writeHead(manner === 'answers' ? 200 : 400, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // listening on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    /** Every span so far; only of JSON. */
    spans: (): OtlpSpan[] =>
      received.flatMap(({ body }) =>
        (JSON.parse(body.toString()) as Payload).resourceSpans.flatMap(({ scopeSpans }) =>
          scopeSpans.flatMap(({ spans }) => spans),
        ),
      ),
  }
}
