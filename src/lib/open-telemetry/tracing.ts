import { randomUUID } from 'node:crypto'
import process from 'node:process'
import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  type Span as OtelSpan,
  SpanKind,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node'
import { within } from '../deadline.ts'
import { NO_SPAN, type Span, type SpanAttributes, type SpanFate, type Tracing } from '../tracing.ts'
import { BoundedProcessor, FilteringExporter } from './bounded-export.ts'

export type TracingOptions = {
  readonly endpoint: string
  readonly encoding: 'http/protobuf' | 'http/json'
  readonly serviceName: string
  readonly serviceVersion: string
  /** Standard variables that the SDK reads itself. */
  readonly variables: Readonly<Record<string, string>>
  /** Whether `traceparent` of a request is continued: a proxy in front sets it. Otherwise any caller could. */
  readonly continuesTraces: boolean
}

const DEFAULT_QUEUE = 2048
const TRACER = 'maeum'

async function createExporter({ encoding, endpoint: url }: TracingOptions): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    encoding === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto')
  return new OTLPTraceExporter({ url })
}

/** Without host, process and command line, which the other detectors of the SDK add. */
const createResource = ({ serviceName, serviceVersion }: TracingOptions) =>
  defaultResource()
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(
      resourceFromAttributes({
        'service.name': serviceName,
        'service.version': serviceVersion,
        'service.instance.id': randomUUID(),
      }),
    )

/** The queue of the SDK, by its standard variable. */
function queueSize({ variables }: TracingOptions): number {
  const size = Number(variables['OTEL_BSP_MAX_QUEUE_SIZE'])
  return Number.isSafeInteger(size) && size > 0 ? size : DEFAULT_QUEUE
}

class TracedSpan implements Span {
  readonly #span: OtelSpan
  readonly #tracer: Tracer
  readonly ids: Readonly<Record<string, string>>

  constructor(span: OtelSpan, tracer: Tracer) {
    this.#span = span
    this.#tracer = tracer
    this.ids = idsOf(span)
  }

  get context() {
    return this.#span.spanContext()
  }

  child(name: string): Span {
    const parent = trace.setSpan(ROOT_CONTEXT, this.#span)
    return new TracedSpan(this.#tracer.startSpan(name, {}, parent), this.#tracer)
  }

  end(attributes: SpanAttributes = {}): void {
    if (!this.#span.isRecording()) return
    this.#span.setAttributes(attributes)
    this.#span.end()
  }
}

function idsOf(span: OtelSpan): Record<string, string> {
  const { traceId, spanId } = span.spanContext()
  return { trace_id: traceId, span_id: spanId }
}

const contextsOf = (link: Span | undefined) => (link instanceof TracedSpan ? [{ context: link.context }] : [])

/**
 * Sends traces to an OpenTelemetry collector over HTTP. The queue is bounded; a collector that is slow or away costs
 * spans only. Nothing here throws or rejects later.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  // The SDK reads the environment itself; settings may also come from `.env`.
  for (const [name, value] of Object.entries(options.variables)) process.env[name] ??= value
  const listeners: ((fate: SpanFate, count: number, reason?: string) => void)[] = []
  const onSpans = (fate: SpanFate, count: number, reason?: string) => {
    for (const listener of listeners) listener(fate, count, reason)
  }
  // What the SDK reports of itself is reported by `onSpans`.
  diag.setLogger(
    { error: ignore, warn: ignore, info: ignore, debug: ignore, verbose: ignore },
    DiagLogLevel.NONE,
  )
  const exporter = new FilteringExporter(
    await createExporter(options),
    (count) => processor.take(count),
    onSpans,
  )
  const maxQueueSize = queueSize(options)
  const processor = new BoundedProcessor(
    new BatchSpanProcessor(exporter, { maxQueueSize }),
    maxQueueSize,
    onSpans,
  )
  const provider = new NodeTracerProvider({ resource: createResource(options), spanProcessors: [processor] })
  provider.register({
    propagator: options.continuesTraces ? new W3CTraceContextPropagator() : null,
    // Nothing follows asynchronous contexts: the hooks for that would slow down every promise of the process.
    contextManager: null,
  })
  const tracer = provider.getTracer(TRACER, options.serviceVersion)

  return {
    isOn: true,
    start: (name, { link, attributes } = {}) =>
      new TracedSpan(
        tracer.startSpan(name, {
          root: true,
          kind: SpanKind.INTERNAL,
          ...(attributes === undefined ? {} : { attributes }),
          ...(link === undefined || link === NO_SPAN ? {} : { links: contextsOf(link) }),
        }),
        tracer,
      ),
    onSpans: (listener) => void listeners.push(listener),
    close: async (ms) => {
      await within(provider.shutdown().catch(ignore), ms)
    },
  }
}

const ignore = (): void => undefined
