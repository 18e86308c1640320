export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** One operation of a trace. */
export type Span = {
  /** `trace_id` and `span_id` for log lines; empty while nothing is traced. */
  readonly ids: Readonly<Record<string, string>>
  /** Starts an operation within this one. */
  child(name: string): Span
  /** Ends it once; later calls have no effect. */
  end(attributes?: SpanAttributes): void
}

type SpanStart = {
  /** An operation of another trace that this one belongs to. */
  readonly link?: Span
  readonly attributes?: SpanAttributes
}

/** What became of spans; `dropped`: the queue was full. */
export type SpanFate = 'exported' | 'failed' | 'dropped'

export type Tracing = {
  readonly isOn: boolean
  /** Starts an operation in a new trace. */
  start(name: string, start?: SpanStart): Span
  /** Calls the listener with spans that were exported or lost, and with why. */
  onSpans(listener: (fate: SpanFate, count: number, reason?: string) => void): void
  /** Exports what waits, for at most `ms`. */
  close(ms: number): Promise<void>
}

const NO_IDS = Object.freeze({})

export const NO_SPAN: Span = Object.freeze({ ids: NO_IDS, child: () => NO_SPAN, end: () => undefined })

/** Traces nothing. */
export const NO_TRACING: Tracing = Object.freeze({
  isOn: false,
  start: () => NO_SPAN,
  onSpans: () => undefined,
  close: () => Promise.resolve(),
})
