#!/usr/bin/env bash
# @fastify/otel sets `url.path` of a request's span to the whole target with its query, which the semantic conventions
# for HTTP put into `url.query`. An error thrown by a handler becomes the message of the span's status also when
# exceptions are not recorded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module", "private": true }' > package.json
npm install --silent --no-audit --no-fund fastify@5.12.8 @fastify/otel@0.21.2 @opentelemetry/api@1.9.1 \
  @opentelemetry/sdk-trace-node@2.12.1 > /dev/null
cat > main.js << 'END'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import Fastify from 'fastify'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
provider.register()
const instrumentation = new FastifyOtelInstrumentation({ recordExceptions: false })
instrumentation.setTracerProvider(provider)
const app = Fastify()
await app.register(instrumentation.plugin())
app.get('/items/:id', async ({ params }) => {
  if (params.id === '2') throw new Error('no red item')
  return {}
})
await app.inject('/items/1?colour=red')
await app.inject('/items/2')
await app.close()
const spans = exporter.getFinishedSpans()
const paths = spans.flatMap(({ attributes }) => attributes['url.path'] ?? [])
const messages = spans.flatMap(({ status }) => status.message ?? [])
const queries = spans.flatMap(({ attributes }) => attributes['url.query'] ?? [])
console.log(JSON.stringify({ paths: [...new Set(paths)], queries, messages: [...new Set(messages)] }))
END
output=$(node main.js)
echo "node $(node --version), fastify 5.12.8, @fastify/otel 0.21.2, @opentelemetry/sdk-trace-node 2.12.1"
echo "GET /items/1?colour=red, and GET /items/2, whose handler throws 'no red item', with recordExceptions: false:"
echo "$output"
stated=0
[[ $output == *'"/items/1?colour=red"'* && $output == *'"queries":[]'* && $output == *'"no red item"'* ]] && stated=1
[[ ${INVERTED:-0} == 1 ]] && stated=$((1 - stated))
[[ $stated -eq 1 ]]
