import { type Static, Type } from 'typebox'

/** Documentation of a variable: `.env.example` and the operator's guide are generated from it. */
type Note = { group: string; description: string; examples: [string, ...string[]]; secret?: true }

const optionalText = (note: Note) => Type.Optional(Type.String({ minLength: 1, ...note }))
const text = (fallback: string, note: Note) => Type.String({ minLength: 1, default: fallback, ...note })
const integer = (fallback: number, minimum: number, maximum: number, note: Note) =>
  Type.Integer({ default: fallback, minimum, maximum, ...note })
const flag = (fallback: boolean, note: Note) => Type.Boolean({ default: fallback, ...note })
const choice = <const Values extends string[]>(values: [...Values], fallback: Values[number], note: Note) =>
  Type.Enum(values, { default: fallback, ...note })
const duration = (fallback: string, note: Note) =>
  Type.String({ pattern: '^[1-9][0-9]{0,5}(s|m|h|d)$', default: fallback, ...note })

const HOUR_MS = 3_600_000

/** All environment variables of the server. */
export const VariablesSchema = Type.Object({
  NODE_ENV: choice(['development', 'test', 'production'], 'development', {
    group: 'Server',
    description: 'With `production`, secrets are mandatory and no development defaults are generated.',
    examples: ['production'],
  }),
  PORT: integer(8000, 0, 65_535, {
    group: 'Server',
    description: 'TCP port; 0 selects a free one.',
    examples: ['8000'],
  }),
  HOST: text('::', {
    group: 'Server',
    description: 'Address to listen on; `::` accepts IPv4 and IPv6.',
    examples: ['::', '127.0.0.1'],
  }),
  PUBLIC_URL: optionalText({
    group: 'Server',
    description:
      'Public URL of the server, used in the WebSocket URLs of `start`; unset: the host of the request.',
    examples: ['https://maeum.example.com'],
  }),
  TRUST_PROXY: text('false', {
    group: 'Server',
    description:
      'Trusted proxies: `false`, a number of hops, or a comma-separated list of CIDR blocks; `true` is one hop.',
    examples: ['1', '10.0.0.0/8'],
  }),
  KEEP_ALIVE_MS: integer(72_000, 1000, HOUR_MS, {
    group: 'Server',
    description:
      'Idle timeout of HTTP connections; must be longer than that of the proxy (AWS 60 s, Traefik 90 s, Caddy 120 s, Google 600 s).',
    examples: ['620000'],
  }),
  DRAIN_DELAY_MS: integer(0, 0, 600_000, {
    group: 'Server',
    description:
      'Time after SIGTERM during which requests are still served while the readiness check fails, before the port closes; must be longer than the load balancer takes to notice. The process exits at most nine seconds later.',
    examples: ['5000'],
  }),
  LOG_LEVEL: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info', {
    group: 'Server',
    description: 'Minimum severity of log lines.',
    examples: ['info'],
  }),
  GIT_COMMIT: text('unknown', {
    group: 'Server',
    description: 'Commit of the build, reported by the health check.',
    examples: ['0123abc'],
  }),
  METRICS_TOKEN: optionalText({
    group: 'Server',
    description: 'Bearer token for `/metrics`; unset: loopback only in production, open otherwise.',
    examples: ['a-long-random-word'],
    secret: true,
  }),

  OTEL_EXPORTER_OTLP_ENDPOINT: optionalText({
    group: 'Tracing',
    description:
      'OpenTelemetry collector (OTLP over HTTP) to which traces are sent, at `/v1/traces`; unset: no traces.',
    examples: ['http://127.0.0.1:4318'],
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optionalText({
    group: 'Tracing',
    description: 'The whole URL for traces, instead of OTEL_EXPORTER_OTLP_ENDPOINT.',
    examples: ['http://127.0.0.1:4318/v1/traces'],
  }),
  OTEL_EXPORTER_OTLP_PROTOCOL: choice(['http/protobuf', 'http/json'], 'http/protobuf', {
    group: 'Tracing',
    description: 'Encoding of the traces.',
    examples: ['http/json'],
  }),
  OTEL_EXPORTER_OTLP_HEADERS: optionalText({
    group: 'Tracing',
    description: 'Headers for the collector, such as its key: `name=value`, comma-separated.',
    examples: ['api-key=a-long-random-word'],
    secret: true,
  }),
  OTEL_SERVICE_NAME: text('maeum', {
    group: 'Tracing',
    description: 'The name of this service in the traces.',
    examples: ['maeum'],
  }),
  OTEL_TRACES_SAMPLER: choice(
    [
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ],
    'parentbased_always_on',
    {
      group: 'Tracing',
      description: 'Which traces are sent. Other standard variables of the SDK (`OTEL_BSP_…`) are read too.',
      examples: ['parentbased_traceidratio'],
    },
  ),
  OTEL_TRACES_SAMPLER_ARG: optionalText({
    group: 'Tracing',
    description: 'With a `traceidratio` sampler: the share of traces that is sent, 0 to 1.',
    examples: ['0.1'],
  }),
  OTEL_SDK_DISABLED: flag(false, {
    group: 'Tracing',
    description: '`true` switches tracing off whatever the other variables are.',
    examples: ['true'],
  }),

  DATABASE_URL: optionalText({
    group: 'Database',
    description: 'Postgres 14 or later; unset: an embedded Postgres under DATA_DIR.',
    examples: ['postgresql://maeum:password@db.example.com:5432/maeum'],
    secret: true,
  }),
  DATABASE_DIRECT_URL: optionalText({
    group: 'Database',
    description:
      'Direct or session-mode connection for migrations and LISTEN, when DATABASE_URL is a transaction pooler.',
    examples: ['postgresql://maeum:password@db.example.com:5432/maeum'],
    secret: true,
  }),
  DATABASE_CA_CERT: optionalText({
    group: 'Database',
    description:
      "CA certificate file for the database's TLS certificate, when it is not issued by a public CA.",
    examples: ['./prod-ca-2021.crt'],
  }),
  DATABASE_POOL_MAX: integer(10, 1, 200, {
    group: 'Database',
    description: 'Maximum number of connections per process.',
    examples: ['10'],
  }),
  DATABASE_WAIT_MS: integer(60_000, 0, HOUR_MS, {
    group: 'Database',
    description: 'How long the server waits at startup for the database to become reachable.',
    examples: ['60000'],
  }),
  DATABASE_EMBEDDED: flag(false, {
    group: 'Database',
    description: 'Allow the embedded Postgres in production.',
    examples: ['true'],
  }),
  DATA_DIR: text('.data', {
    group: 'Database',
    description: 'Directory of the embedded Postgres and of the generated development secret.',
    examples: ['.data'],
  }),
  MIGRATE_ON_BOOT: flag(true, {
    group: 'Database',
    description: 'Apply pending migrations at startup; `false` only verifies the schema.',
    examples: ['false'],
  }),
  SCHEMA_MISMATCH: choice(['stop', 'unready'], 'stop', {
    group: 'Database',
    description:
      'When tables or columns are missing: `stop` ends the process, `unready` serves with a failing readiness check.',
    examples: ['unready'],
  }),

  JWT_SECRET: Type.Optional(
    Type.String({
      minLength: 32,
      group: 'Accounts',
      description: 'Signs access and refresh tokens; at least 32 characters; mandatory in production.',
      examples: ['output of: openssl rand -base64 48'],
      secret: true,
    }),
  ),
  JWT_SECRET_PREVIOUS: Type.Optional(
    Type.String({
      minLength: 32,
      group: 'Accounts',
      description:
        'The previous JWT_SECRET: tokens signed with it remain valid, so that a rotation logs no user out.',
      examples: ['the previous value of JWT_SECRET'],
      secret: true,
    }),
  ),
  JWT_EXPIRES_IN: duration('15m', {
    group: 'Accounts',
    description: 'Lifetime of an access token.',
    examples: ['15m'],
  }),
  REFRESH_TOKEN_EXPIRES_IN: duration('7d', {
    group: 'Accounts',
    description: 'Lifetime of a refresh token: how long an unused device stays logged in.',
    examples: ['7d'],
  }),
  PASSWORD_PEPPER: optionalText({
    group: 'Accounts',
    description: 'Secret included in every password hash; changing it invalidates all passwords.',
    examples: ['a-long-random-word'],
    secret: true,
  }),
  PASSWORD_BLOCKLIST: flag(false, {
    group: 'Accounts',
    description: 'Reject common passwords at signup; otherwise the response contains a hint.',
    examples: ['false'],
  }),

  CORS_ORIGINS: text('http://localhost:5173,http://localhost:4173,http://localhost:3000', {
    group: 'Limits',
    description:
      'Allowed origins of browsers and apps, comma-separated: exact, or with a wildcard in one label such as `https://name-*.example.app`.',
    examples: ['https://app.example.com,https://app-*.example.com,capacitor://localhost'],
  }),
  RATE_LIMIT_MAX: integer(600, 1, 100_000_000, {
    group: 'Limits',
    description: 'Requests allowed per user (per IP address before login) in RATE_LIMIT_WINDOW.',
    examples: ['600'],
  }),
  RATE_LIMIT_WINDOW: duration('10m', {
    group: 'Limits',
    description: 'Window of RATE_LIMIT_MAX.',
    examples: ['10m'],
  }),
  SOCKETS_PER_ADDRESS: integer(4000, 1, 1_000_000, {
    group: 'Limits',
    description: 'Open sockets allowed per IP address on each instance; a session uses up to three.',
    examples: ['4000'],
  }),
  SOCKETS_PER_USER: integer(2000, 1, 1_000_000, {
    group: 'Limits',
    description: 'Open sockets allowed for the sessions of one user on each instance.',
    examples: ['2000'],
  }),

  ANALYSIS_INTERVAL_MS: integer(10_000, 200, HOUR_MS, {
    group: 'Analysis',
    description: 'Length of a window; live sessions keep the value they started with.',
    examples: ['10000'],
  }),
  ANALYSIS_DEADLINE_MS: integer(9000, 50, HOUR_MS, {
    group: 'Analysis',
    description: 'Deadline for the answer of a window, counted from its close.',
    examples: ['9000'],
  }),
  MAX_FRAMES_PER_ANALYSIS: integer(40, 1, 200, {
    group: 'Analysis',
    description: 'Frames kept per window, evenly distributed.',
    examples: ['40'],
  }),
  INFERENCE_ENABLED: flag(true, {
    group: 'Analysis',
    description:
      'Analyse facial expressions; set `false` where the law forbids it, all other features keep working.',
    examples: ['true'],
  }),
  CRISIS_LINES: optionalText({
    group: 'Analysis',
    description:
      'Crisis lines shown when a message mentions self-harm, `name=number`, comma-separated; unset: those of Korea (109, 1577-0199).',
    examples: ['자살예방 상담전화=109,정신건강 위기상담전화=1577-0199'],
  }),
  GEMINI_API_KEY: optionalText({
    group: 'Analysis',
    description:
      'Gemini API key; unset: only the local analyser is used. With free keys the provider may train on inputs.',
    examples: ['your-key'],
    secret: true,
  }),
  GEMINI_MODELS: text('gemini-3.5-flash-lite,gemini-3.1-flash-lite,gemini-3.6-flash', {
    group: 'Analysis',
    description: 'Models, comma-separated, in the order in which they are tried.',
    examples: ['gemini-3.5-flash-lite'],
  }),
  GEMINI_THINKING: optionalText({
    group: 'Analysis',
    description:
      'Thinking setting per model, `model=setting`, comma-separated: minimal, low, medium, high, a number of tokens, or none for the default of the model. Unset: the lowest setting that each model accepts.',
    examples: ['gemini-3.6-flash=minimal,gemini-2.5-pro=128'],
  }),
  GEMINI_BASE_URL: optionalText({
    group: 'Analysis',
    description: 'Base URL of the Gemini API, for example of a proxy.',
    examples: ['http://127.0.0.1:9000'],
  }),
  GEMINI_TIMEOUT_MS: integer(45_000, 50, 600_000, {
    group: 'Analysis',
    description: 'Timeout of one call, after which the connection is closed.',
    examples: ['45000'],
  }),

  GEMINI_REQUESTS_PER_MINUTE: integer(4000, 1, 10_000_000, {
    group: 'Analysis',
    description: 'Requests per minute and model, for all instances together.',
    examples: ['4000'],
  }),
  GEMINI_TOKENS_PER_MINUTE: integer(4_000_000, 1000, 2_000_000_000, {
    group: 'Analysis',
    description: 'Prompt tokens per minute and model, for all instances together.',
    examples: ['4000000'],
  }),
  GEMINI_PRICES: text(
    'gemini-3.5-flash-lite=0.30/2.50,gemini-3.1-flash-lite=0.25/1.50,gemini-2.5-flash-lite=0.10/0.40',
    {
      group: 'Analysis',
      description:
        'Prices for the cost estimate, `model=prompt/answer` in US dollars per million tokens, comma-separated; the cost of other models is unknown. Unset: list prices as published in July 2026, without gemini-3.6-flash.',
      examples: ['gemini-3.5-flash-lite=0.30/2.50'],
    },
  ),
  GEMINI_DAILY_BUDGET_USD: optionalText({
    group: 'Analysis',
    description:
      'Daily budget (UTC) for the estimated cost of all instances; once it is spent, windows are answered locally. Every model of GEMINI_MODELS then needs a price in GEMINI_PRICES: add one for gemini-3.6-flash, or omit that model.',
    examples: ['5'],
  }),

  WS_PING_INTERVAL_MS: integer(10_000, 100, 600_000, {
    group: 'Sessions',
    description: 'Ping interval of sockets; a socket without any message for three intervals is dropped.',
    examples: ['10000'],
  }),
  LEASE_MS: integer(15_000, 300, HOUR_MS, {
    group: 'Sessions',
    description:
      'How long an instance owns a session without renewing its lease; a client that reconnects to another instance does not wait for it.',
    examples: ['15000'],
  }),
  SESSION_GRACE_MS: integer(30_000, 100, HOUR_MS, {
    group: 'Sessions',
    description: 'Maximum time after `end` for work of the session that is still in progress.',
    examples: ['30000'],
  }),
  SESSION_ABANDON_MS: integer(600_000, 1000, 24 * HOUR_MS, {
    group: 'Sessions',
    description: 'A session without an open socket for this long is ended as abandoned.',
    examples: ['600000'],
  }),
  WS_REQUIRE_TICKET: flag(false, {
    group: 'Sessions',
    description: 'Require a single-use ticket for every socket.',
    examples: ['false'],
  }),

  REQUIRE_CONSENT: flag(false, {
    group: 'Privacy',
    description: 'Analyse and store nothing of face and voice before the user has consented.',
    examples: ['true'],
  }),
  DATA_KEYS: optionalText({
    group: 'Privacy',
    description:
      'Keys for the encryption of personal fields at rest, `id:key`, comma-separated, 32 bytes each in base64; the first one encrypts. Unset: no encryption.',
    examples: ['2026a:output of openssl rand -base64 32'],
    secret: true,
  }),
  BACKUP_KEY: optionalText({
    group: 'Privacy',
    description:
      'Key that encrypts backups (`maeum backup`), 32 bytes in base64. Keep a copy away from the server: a backup cannot be restored without it. Unset: backups are not encrypted.',
    examples: ['output of openssl rand -base64 32'],
    secret: true,
  }),
  RETENTION_DAYS: optionalText({
    group: 'Privacy',
    description:
      'Days after which data is erased (every night): one number, or `kind=days`, comma-separated (sessions, conversations, counselings, feedback, audit). Unset: never.',
    examples: ['sessions=365,conversations=90,audit=400'],
  }),
})

export type Variables = Static<typeof VariablesSchema>
export type VariableName = keyof Variables

export const VARIABLE_NAMES = Object.keys(VariablesSchema.properties) as VariableName[]

/** The schema and documentation of one variable. */
type Rule = Note & {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly default?: string | number | boolean
}

export const getRule = (name: VariableName): Rule => VariablesSchema.properties[name] as unknown as Rule // every property spreads a Note

/** Describes the valid values. */
export function describeRule(name: VariableName): string {
  const rule = getRule(name)
  if (rule.enum !== undefined) return `must be one of ${rule.enum.join(', ')}`
  if (rule.type === 'boolean') return 'must be true or false'
  if (rule.type === 'integer') return `must be a whole number from ${rule.minimum} to ${rule.maximum}`
  if (rule.pattern !== undefined) return 'must be a whole number followed by its unit: s, m, h or d'
  return `must have at least ${rule.minLength} characters`
}
