import type { Context } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, Span, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { SpanFate } from '../tracing.ts'
import { toExported } from './span-filter.ts'

type OnSpans = (fate: SpanFate, count: number, reason?: string) => void

/** Filters what `exporter` sends, and reports what became of it. `onTaken`: spans have left the queue. */
export class FilteringExporter implements SpanExporter {
  readonly #exporter: SpanExporter
  readonly #onTaken: (count: number) => void
  readonly #onSpans: OnSpans

  constructor(exporter: SpanExporter, onTaken: (count: number) => void, onSpans: OnSpans) {
    this.#exporter = exporter
    this.#onTaken = onTaken
    this.#onSpans = onSpans
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#onTaken(spans.length)
    this.#exporter.export(spans.map(toExported), (result) => {
      if (result.code === ExportResultCode.SUCCESS) this.#onSpans('exported', spans.length)
      else this.#onSpans('failed', spans.length, reasonOf(result.error))
      // The failure is reported: the processor would log it too.
      done({ code: ExportResultCode.SUCCESS })
    })
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush?.() ?? Promise.resolve()
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }
}

/** Never the message, which may contain what the collector answered. */
function reasonOf(error: Error | undefined): string {
  if (error === undefined) return 'unknown'
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' || typeof code === 'number' ? String(code) : error.name
}

/** Drops and reports what is beyond the queue of `next`, which drops without a report. */
export class BoundedProcessor implements SpanProcessor {
  readonly #next: SpanProcessor
  readonly #max: number
  readonly #onSpans: OnSpans
  #waiting = 0

  constructor(next: SpanProcessor, max: number, onSpans: OnSpans) {
    this.#next = next
    this.#max = max
    this.#onSpans = onSpans
  }

  take(count: number): void {
    this.#waiting -= count
  }

  onStart(span: Span, parent: Context): void {
    this.#next.onStart(span, parent)
  }

  onEnd(span: ReadableSpan): void {
    const isSampled = (span.spanContext().traceFlags & 1) === 1
    if (!isSampled) return
    if (this.#waiting >= this.#max) {
      this.#onSpans('dropped', 1)
      return
    }
    this.#waiting++
    this.#next.onEnd(span)
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#next.shutdown()
  }
}
