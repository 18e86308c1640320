import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Every series of the server, in a registry of its own. */
export function createMetrics() {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  collectDefaultMetrics({ register: registry, prefix: 'maeum_', eventLoopMonitoringPrecision: 100 })
  const sources: (() => void | Promise<void>)[] = []
  return {
    registry,
    /** Calls `source` before each scrape, to set gauges. It must not reject. */
    onScrape: (source: () => void | Promise<void>) => void sources.push(source),
    scrape: async (): Promise<string> => {
      await Promise.all(sources.map(async (source) => source()))
      return registry.metrics()
    },
    ...createRequestMetrics(registers),
    ...createWindowMetrics(registers),
    ...createWriterMetrics(registers),
    ...createModelMetrics(registers),
    ...createSocketMetrics(registers),
    ...createBrowserMetrics(registers),
    ...createDatabaseMetrics(registers),
    ...createOperationMetrics(registers),
  }
}

export type Metrics = ReturnType<typeof createMetrics>

/** Requests, their errors, and security events. */
const createRequestMetrics = (registers: Registry[]) => ({
  requests: new Histogram({
    name: 'maeum_http_request_seconds',
    help: 'Time to answer a request, by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 1, 5],
    registers,
  }),
  errors: new Counter({
    name: 'maeum_errors_total',
    help: 'Requests that were refused or failed, by the code they were answered with.',
    labelNames: ['code'],
    registers,
  }),
  internalErrors: new Counter({
    name: 'maeum_internal_errors_total',
    help: 'Errors of timers, listeners and other work that no request waits for, by place.',
    labelNames: ['place'],
    registers,
  }),
  databaseErrors: new Counter({
    name: 'maeum_database_errors_total',
    help: 'Errors that the database server sent, by SQLSTATE.',
    labelNames: ['code'],
    registers,
  }),
  securityEvents: new Counter({
    name: 'maeum_security_events_total',
    help: 'Logins, logouts and other security events, by event.',
    labelNames: ['event'],
    registers,
  }),
})

/** Windows, from their frames to their storage. */
const createWindowMetrics = (registers: Registry[]) => ({
  frames: new Counter({
    name: 'maeum_frames_total',
    help: 'Landmark frames received, by what became of them.',
    labelNames: ['fate'],
    registers,
  }),
  windows: new Counter({
    name: 'maeum_windows_total',
    help: 'Windows answered, by who answered and why not the model.',
    labelNames: ['source', 'model_outcome'],
    registers,
  }),
  liveSessions: new Gauge({
    name: 'maeum_live_sessions',
    help: 'Sessions that this instance serves.',
    registers,
  }),
})

/** Results that wait for the database, or are lost, and leases. */
const createWriterMetrics = (registers: Registry[]) => ({
  outboxWindows: new Gauge({
    name: 'maeum_outbox_windows',
    help: 'Results that wait for the database: windows, and marks of their delivery.',
    registers,
  }),
  droppedWindows: new Counter({
    name: 'maeum_windows_dropped_total',
    help: 'Answered windows that were never stored, by reason.',
    labelNames: ['reason'],
    registers,
  }),
  uncommittedAnswers: new Counter({
    name: 'maeum_answers_before_commit_total',
    help: 'Answers that were sent before their commit, because the database was slow or away.',
    registers,
  }),
  outboxResults: new Gauge({
    name: 'maeum_outbox_results',
    help: 'Results that wait for the database, by how long they have waited.',
    labelNames: ['age'],
    registers,
  }),
  outboxOldest: new Gauge({
    name: 'maeum_outbox_oldest_seconds',
    help: 'Age of the oldest result that waits for the database; 0 if none waits.',
    registers,
  }),
  leaseTakeovers: new Counter({
    name: 'maeum_lease_takeovers_total',
    help: 'Sessions that changed their instance: taken from another one, or lost to another one.',
    labelNames: ['direction'],
    registers,
  }),
  rowsLost: new Counter({
    name: 'maeum_rows_lost_total',
    help: 'Committed rows that the database has lost, as seen by their writer.',
    labelNames: ['kind'],
    registers,
  }),
  restoredWindows: new Counter({
    name: 'maeum_windows_restored_total',
    help: 'Windows that the database lost after it had stored them, and that were stored again.',
    registers,
  }),
})

/** Calls of models. */
const createModelMetrics = (registers: Registry[]) => ({
  modelSeconds: new Histogram({
    name: 'maeum_model_seconds',
    help: 'Time a model took for one window.',
    labelNames: ['model'],
    buckets: [0.5, 1, 2, 4, 8, 15, 30, 45],
    registers,
  }),
  modelRequests: new Counter({
    name: 'maeum_model_requests_total',
    help: 'Requests to a model by outcome, for a window or for a conversation.',
    labelNames: ['model', 'outcome', 'kind'],
    registers,
  }),
  modelAgreement: new Counter({
    name: 'maeum_model_agreement_total',
    help: 'Answers of a model, by whether their label is the one of the local analyser.',
    labelNames: ['model', 'agrees'],
    registers,
  }),
  modelTokens: new Counter({
    name: 'maeum_model_tokens_total',
    help: 'Tokens of a model, of prompts and of answers.',
    labelNames: ['model', 'kind'],
    registers,
  }),
  modelCost: new Counter({
    name: 'maeum_model_cost_usd_total',
    help: 'Estimated cost of a model, US dollars.',
    labelNames: ['model'],
    registers,
  }),
})

/** WebSockets of all channels. */
const createSocketMetrics = (registers: Registry[]) => ({
  sockets: new Gauge({
    name: 'maeum_sockets',
    help: 'Open WebSockets, by channel.',
    labelNames: ['channel'],
    registers,
  }),
  refusedSockets: new Counter({
    name: 'maeum_sockets_refused_total',
    help: 'Handshakes refused, by reason.',
    labelNames: ['reason'],
    registers,
  }),
  droppedMessages: new Counter({
    name: 'maeum_socket_messages_dropped_total',
    help: 'Small messages that were not looked at because their socket sent too many.',
    labelNames: ['channel'],
    registers,
  }),
})

/** What browsers report. */
const createBrowserMetrics = (registers: Registry[]) => ({
  webVitals: new Histogram({
    name: 'maeum_web_vitals',
    help: 'Web vitals as browsers report them: seconds, except CLS, which is a score.',
    labelNames: ['metric'],
    buckets: [0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 0.8, 1.8, 2.5, 3, 4, 10],
    registers,
  }),
})

/** The database, as this process sees it. */
const createDatabaseMetrics = (registers: Registry[]) => ({
  databaseUp: new Gauge({
    name: 'maeum_database_up',
    help: 'Whether the database has answered a query at this scrape.',
    registers,
  }),
  databaseAnswer: new Gauge({
    name: 'maeum_database_answer_seconds',
    help: 'Time of that query, including the wait for a connection.',
    registers,
  }),
  databaseConnections: new Gauge({
    name: 'maeum_database_connections',
    help: 'Connections of the pool, by state.',
    labelNames: ['state'],
    registers,
  }),
  databaseWaiting: new Gauge({
    name: 'maeum_database_waiting',
    help: 'Statements and transactions that wait for a connection of the pool.',
    registers,
  }),
  commits: new Histogram({
    name: 'maeum_commit_seconds',
    help: 'Time to write and commit a batch of results.',
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.6, 1, 4, 10],
    registers,
  }),
})

/** Work in the background: audit trail, retention, log, traces. */
const createOperationMetrics = (registers: Registry[]) => ({
  auditWaiting: new Gauge({
    name: 'maeum_audit_waiting',
    help: 'Events that wait to be written to the audit trail.',
    registers,
  }),
  auditLost: new Counter({
    name: 'maeum_audit_lost_total',
    help: 'Events that were not written to the audit trail.',
    registers,
  }),
  retentionRun: new Gauge({
    name: 'maeum_retention_last_run_timestamp_seconds',
    help: 'When this instance last erased expired data without a failure, or started; 0 without RETENTION_DAYS.',
    registers,
  }),
  retentionErrors: new Counter({
    name: 'maeum_retention_errors_total',
    help: 'Kinds of expired data, or rows, that could not be erased.',
    registers,
  }),
  droppedLogLines: new Counter({
    name: 'maeum_log_lines_dropped_total',
    help: 'Log lines that were dropped because standard output is not read.',
    registers,
  }),
  spans: new Counter({
    name: 'maeum_spans_total',
    help: 'Spans of traces: exported, failed (the collector did not take them), or dropped (the queue was full).',
    labelNames: ['fate'],
    registers,
  }),
})
