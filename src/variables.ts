import { type Static, Type } from 'typebox'

/** What each variable is for, beside its type: `.env.example` and the operator's guide are written from it. */
type Note = { group: string; description: string; examples: [string, ...string[]]; secret?: true }

const text = (note: Note) => Type.Optional(Type.String({ minLength: 1, ...note }))
const texts = (standard: string, note: Note) => Type.String({ minLength: 1, default: standard, ...note })
const whole = (standard: number, minimum: number, maximum: number, note: Note) =>
  Type.Integer({ default: standard, minimum, maximum, ...note })
const flag = (standard: boolean, note: Note) => Type.Boolean({ default: standard, ...note })
const choice = <const Values extends string[]>(values: [...Values], standard: Values[number], note: Note) =>
  Type.Enum(values, { default: standard, ...note })
const span = (standard: string, note: Note) =>
  Type.String({ pattern: '^[1-9][0-9]{0,5}(s|m|h|d)$', default: standard, ...note })

const HOUR_MS = 3_600_000

/** Every variable of the environment that this server reads. */
export const VariablesSchema = Type.Object({
  NODE_ENV: choice(['development', 'test', 'production'], 'development', {
    group: 'Server',
    description: 'In production the secrets are mandatory and nothing is made up on the spot.',
    examples: ['production'],
  }),
  PORT: whole(8000, 0, 65_535, {
    group: 'Server',
    description: 'TCP port; 0 picks a free one.',
    examples: ['8000'],
  }),
  HOST: texts('::', {
    group: 'Server',
    description: 'Address to listen on; `::` answers IPv4 and IPv6.',
    examples: ['::', '127.0.0.1'],
  }),
  PUBLIC_URL: text({
    group: 'Server',
    description:
      'Address the outside world uses, for the WebSocket URLs of `start`; unset: the host of the request.',
    examples: ['https://maeum.example.com'],
  }),
  TRUST_PROXY: texts('false', {
    group: 'Server',
    description:
      'Proxies in front: `false`, a number of hops, or a comma list of CIDR blocks; `true` is one hop.',
    examples: ['1', '10.0.0.0/8'],
  }),
  KEEP_ALIVE_MS: whole(72_000, 1000, HOUR_MS, {
    group: 'Server',
    description:
      'How long an idle connection stays open; longer than the proxy in front keeps its own (AWS 60 s, Traefik 90 s, Caddy 120 s, Google 600 s).',
    examples: ['620000'],
  }),
  DRAIN_DELAY_MS: whole(0, 0, 600_000, {
    group: 'Server',
    description:
      'How long after SIGTERM everything is still served, with a red readiness check, before the port closes; longer than the balancer takes to notice. The process ends nine seconds after it at the latest.',
    examples: ['5000'],
  }),
  LOG_LEVEL: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info', {
    group: 'Server',
    description: 'Least severe log line that is written.',
    examples: ['info'],
  }),
  GIT_COMMIT: texts('unknown', {
    group: 'Server',
    description: 'Commit that was built; shown by the health check.',
    examples: ['0123abc'],
  }),
  METRICS_TOKEN: text({
    group: 'Server',
    description: 'Bearer token for `/metrics`; unset: loopback only in production, open elsewhere.',
    examples: ['a-long-random-word'],
    secret: true,
  }),

  DATABASE_URL: text({
    group: 'Database',
    description: 'Any Postgres from version 14; unset: an embedded Postgres under DATA_DIR.',
    examples: ['postgresql://maeum:password@db.example.com:5432/maeum'],
    secret: true,
  }),
  DATABASE_DIRECT_URL: text({
    group: 'Database',
    description:
      'Direct or session-mode address, for migrations and LISTEN when DATABASE_URL is a transaction pooler.',
    examples: ['postgresql://maeum:password@db.example.com:5432/maeum'],
    secret: true,
  }),
  DATABASE_CA_CERT: text({
    group: 'Database',
    description:
      "File with the certificate authority of the database's TLS certificate, when it is not a public one.",
    examples: ['./prod-ca-2021.crt'],
  }),
  DATABASE_POOL_MAX: whole(10, 1, 200, {
    group: 'Database',
    description: 'Most connections that one process opens.',
    examples: ['10'],
  }),
  DATABASE_WAIT_MS: whole(60_000, 0, HOUR_MS, {
    group: 'Database',
    description: 'How long the boot waits for a database that is not there yet.',
    examples: ['60000'],
  }),
  DATABASE_EMBEDDED: flag(false, {
    group: 'Database',
    description: 'Allow the embedded Postgres in production.',
    examples: ['true'],
  }),
  DATA_DIR: texts('.data', {
    group: 'Database',
    description: 'Folder of the embedded Postgres and of the secret made for development.',
    examples: ['.data'],
  }),
  MIGRATE_ON_BOOT: flag(true, {
    group: 'Database',
    description: 'Apply pending migrations at boot; `false` only verifies the schema.',
    examples: ['false'],
  }),
  SCHEMA_MISMATCH: choice(['stop', 'unready'], 'stop', {
    group: 'Database',
    description: 'When tables or columns are missing: end the process, or serve with a red readiness check.',
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
        'The JWT_SECRET before the present one: what it signed still counts, so that nobody is logged out by a change.',
      examples: ['the former value of JWT_SECRET'],
      secret: true,
    }),
  ),
  JWT_EXPIRES_IN: span('15m', {
    group: 'Accounts',
    description: 'Life of an access token.',
    examples: ['15m'],
  }),
  REFRESH_TOKEN_EXPIRES_IN: span('7d', {
    group: 'Accounts',
    description: 'How long a device stays logged in without being used.',
    examples: ['7d'],
  }),
  PASSWORD_PEPPER: text({
    group: 'Accounts',
    description: 'Secret mixed into every password hash; changing it makes all passwords invalid.',
    examples: ['a-long-random-word'],
    secret: true,
  }),
  PASSWORD_BLOCKLIST: flag(false, {
    group: 'Accounts',
    description: 'Refuse common passwords at signup; otherwise they earn a hint.',
    examples: ['false'],
  }),

  CORS_ORIGINS: texts('http://localhost:5173,http://localhost:4173,http://localhost:3000', {
    group: 'Limits',
    description:
      'Origins that may call from a browser or an app: exact, or `https://name-*.example.app` for one label.',
    examples: ['https://app.example.com,https://app-*.example.com,capacitor://localhost'],
  }),
  RATE_LIMIT_MAX: whole(600, 1, 100_000_000, {
    group: 'Limits',
    description: 'Requests that one user (or address, before login) may make in RATE_LIMIT_WINDOW.',
    examples: ['600'],
  }),
  RATE_LIMIT_WINDOW: span('10m', { group: 'Limits', description: 'See RATE_LIMIT_MAX.', examples: ['10m'] }),
  SOCKETS_PER_ADDRESS: whole(4000, 1, 1_000_000, {
    group: 'Limits',
    description: 'Sockets that one address may have open on each instance; a session has up to three.',
    examples: ['4000'],
  }),
  SOCKETS_PER_USER: whole(2000, 1, 1_000_000, {
    group: 'Limits',
    description: 'Sockets that the sessions of one user may have open on each instance.',
    examples: ['2000'],
  }),

  ANALYSIS_INTERVAL_MS: whole(10_000, 200, HOUR_MS, {
    group: 'Analysis',
    description: 'Length of a window; running sessions keep the one they started with.',
    examples: ['10000'],
  }),
  ANALYSIS_DEADLINE_MS: whole(9000, 50, HOUR_MS, {
    group: 'Analysis',
    description: 'Latest moment after the close of a window at which its answer goes out.',
    examples: ['9000'],
  }),
  MAX_FRAMES_PER_ANALYSIS: whole(40, 1, 200, {
    group: 'Analysis',
    description: 'Frames that are kept of one window, evenly spread.',
    examples: ['40'],
  }),
  INFERENCE_ENABLED: flag(true, {
    group: 'Analysis',
    description:
      'Read expressions at all; `false` where the law of the place forbids it, the rest goes on working.',
    examples: ['true'],
  }),
  CRISIS_LINES: text({
    group: 'Analysis',
    description:
      'Crisis lines shown at words of self-harm, `name=number` in a comma list; unset: those of Korea (109, 1577-0199).',
    examples: ['자살예방 상담전화=109,정신건강 위기상담전화=1577-0199'],
  }),
  GEMINI_API_KEY: text({
    group: 'Analysis',
    description:
      'Key of the Gemini API; unset: the local analyser alone. Free keys may let the provider train on inputs.',
    examples: ['your-key'],
    secret: true,
  }),
  GEMINI_MODELS: texts('gemini-3.5-flash-lite,gemini-3.1-flash-lite,gemini-3.6-flash', {
    group: 'Analysis',
    description: 'Models in the order in which they are tried.',
    examples: ['gemini-3.5-flash-lite'],
  }),
  GEMINI_THINKING: text({
    group: 'Analysis',
    description:
      'How much a model thinks before it answers, model=setting in a comma list: minimal, low, medium, high, a number of tokens, or none to leave it to the model. Unset: the least that each model accepts.',
    examples: ['gemini-3.6-flash=minimal,gemini-2.5-pro=128'],
  }),
  GEMINI_BASE_URL: text({
    group: 'Analysis',
    description: 'Another address for the Gemini API, such as a proxy.',
    examples: ['http://127.0.0.1:9000'],
  }),
  GEMINI_TIMEOUT_MS: whole(45_000, 50, 600_000, {
    group: 'Analysis',
    description: 'Hard cap of one call; the connection is closed then.',
    examples: ['45000'],
  }),

  GEMINI_REQUESTS_PER_MINUTE: whole(4000, 1, 10_000_000, {
    group: 'Analysis',
    description: 'Requests that each model may be sent in a minute, by all instances together.',
    examples: ['4000'],
  }),
  GEMINI_TOKENS_PER_MINUTE: whole(4_000_000, 1000, 2_000_000_000, {
    group: 'Analysis',
    description: 'The same for the tokens of prompts.',
    examples: ['4000000'],
  }),
  GEMINI_PRICES: texts(
    'gemini-3.5-flash-lite=0.30/2.50,gemini-3.1-flash-lite=0.25/1.50,gemini-2.5-flash-lite=0.10/0.40',
    {
      group: 'Analysis',
      description:
        'US dollars for a million tokens of each model, prompt/answer, to estimate costs with; what another model costs is not known. Unset: list prices as published in July 2026, which has none of gemini-3.6-flash yet.',
      examples: ['gemini-3.5-flash-lite=0.30/2.50'],
    },
  ),
  GEMINI_DAILY_BUDGET_USD: text({
    group: 'Analysis',
    description:
      'Estimated spend on the models in a day (UTC), by all instances together, after which windows are answered locally. Each of GEMINI_MODELS needs a price in GEMINI_PRICES then: add one of gemini-3.6-flash, or leave that model out.',
    examples: ['5'],
  }),

  WS_PING_INTERVAL_MS: whole(10_000, 100, 600_000, {
    group: 'Sessions',
    description: 'How often each socket is pinged; one that is silent for three of these is dropped.',
    examples: ['10000'],
  }),
  LEASE_MS: whole(15_000, 300, HOUR_MS, {
    group: 'Sessions',
    description:
      'How long an instance owns a session without renewing; a socket that comes back elsewhere never waits for it.',
    examples: ['15000'],
  }),
  SESSION_GRACE_MS: whole(30_000, 100, HOUR_MS, {
    group: 'Sessions',
    description: 'Longest time after `end` in which anything of the session is still in flight.',
    examples: ['30000'],
  }),
  SESSION_ABANDON_MS: whole(600_000, 1000, 24 * HOUR_MS, {
    group: 'Sessions',
    description: 'A session in which nobody has had a socket open for this long is ended as abandoned.',
    examples: ['600000'],
  }),
  WS_REQUIRE_TICKET: flag(false, {
    group: 'Sessions',
    description: 'Admit a socket only with a single-use ticket.',
    examples: ['false'],
  }),

  REQUIRE_CONSENT: flag(false, {
    group: 'Privacy',
    description:
      'Read no face, measure no voice and store nothing of either before the person has consented.',
    examples: ['true'],
  }),
  DATA_KEYS: text({
    group: 'Privacy',
    description:
      'Keys that encrypt personal fields at rest, `id:key` in a comma list, 32 bytes each in base64; the first is the current one. Unset: nothing is encrypted.',
    examples: ['2026a:output of openssl rand -base64 32'],
    secret: true,
  }),
  RETENTION_DAYS: text({
    group: 'Privacy',
    description:
      'Days after which data is erased every night: one number, or by kind (sessions, conversations, counselings, feedback, audit). Unset: never.',
    examples: ['sessions=365,conversations=90,audit=400'],
  }),
})

export type Variables = Static<typeof VariablesSchema>
export type VariableName = keyof Variables

export const VARIABLE_NAMES = Object.keys(VariablesSchema.properties) as VariableName[]

/** The rule of one variable, as far as its readers need it. */
type Rule = Note & {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly default?: string | number | boolean
}

export const ruleOf = (name: VariableName): Rule => VariablesSchema.properties[name] as unknown as Rule // the note is spread into each of them above

/** What a value must be, in words. */
export function ruleText(name: VariableName): string {
  const rule = ruleOf(name)
  if (rule.enum !== undefined) return `must be one of ${rule.enum.join(', ')}`
  if (rule.type === 'boolean') return 'must be true or false'
  if (rule.type === 'integer') return `must be a whole number from ${rule.minimum} to ${rule.maximum}`
  if (rule.pattern !== undefined) return 'must be a whole number and its unit: s, m, h or d'
  return `must have at least ${rule.minLength} characters`
}
