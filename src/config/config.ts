import { Value } from 'typebox/value'
import { type Environment, QUOTED } from './environment.ts'
import {
  checkCrisisLines,
  checkDatabaseUrl,
  checkHttpUrl,
  checkOrigin,
  checkPrice,
  checkThinking,
  checkTrustProxy,
  normalizeOrigin,
  normalizeUrl,
  parseCrisisLine,
  parseDuration,
  parsePrices,
  parseThinking,
  parseTrustProxy,
  splitList,
} from './formats.ts'
import {
  checkBackupKey,
  parseDataKeys,
  checkDataKeys,
  parseRetentionDays,
  checkRetention,
} from './privacy-settings.ts'
import {
  getRule,
  describeRule,
  VARIABLE_NAMES,
  type VariableName,
  type Variables,
  VariablesSchema,
} from './variables.ts'

export class ConfigError extends Error {
  readonly faults: readonly string[]

  /** @param faults one line each: the variable, the problem, an example. */
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** Values of the known variables; an empty value counts as unset. */
function readValues(environment: Environment): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const name of VARIABLE_NAMES) {
    const value = environment[name]?.trim()
    if (value !== undefined && value !== '') found[name] = parseValue(name, value)
  }
  return found
}

/** Converts booleans and integers; invalid text is returned as is and rejected by the schema. */
function parseValue(name: VariableName, text: string): unknown {
  const { type } = getRule(name)
  if (type === 'boolean' && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  return type === 'integer' && /^-?\d+$/.test(text) ? Number(text) : text
}

const describeFault = (name: VariableName, problem: string) =>
  `${name}: ${problem} (for example ${name}=${getRule(name).examples[0]})`

const HTTP_URLS = [
  'PUBLIC_URL',
  'GEMINI_BASE_URL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
] as const

/** Rules that a JSON schema cannot express. */
function findRuleFaults(variables: Variables): string[] {
  const faults: string[] = []
  const check = (name: VariableName, problem: string | undefined) => {
    if (problem !== undefined) faults.push(describeFault(name, problem))
  }
  const production = variables.NODE_ENV === 'production'
  if (production && variables.JWT_SECRET === undefined)
    check('JWT_SECRET', 'must be set when NODE_ENV=production')
  if (production && variables.DATABASE_URL === undefined && !variables.DATABASE_EMBEDDED) {
    check('DATABASE_URL', 'must be set when NODE_ENV=production, or set DATABASE_EMBEDDED=true')
  }
  if (variables.DATABASE_DIRECT_URL !== undefined && variables.DATABASE_URL === undefined)
    check('DATABASE_URL', 'must be set when DATABASE_DIRECT_URL is set')
  for (const name of ['DATABASE_URL', 'DATABASE_DIRECT_URL'] as const)
    check(name, checkDatabaseUrl(variables[name]))
  if (variables.JWT_SECRET_PREVIOUS !== undefined && variables.JWT_SECRET_PREVIOUS === variables.JWT_SECRET)
    check('JWT_SECRET_PREVIOUS', 'must differ from JWT_SECRET; unset it if the secret has not changed')
  for (const name of HTTP_URLS) check(name, checkHttpUrl(variables[name]))
  if (!/^(0(\.\d+)?|1(\.0+)?)$/.test(variables.OTEL_TRACES_SAMPLER_ARG ?? '1'))
    check('OTEL_TRACES_SAMPLER_ARG', 'must be a number from 0 to 1')
  check('CORS_ORIGINS', splitList(variables.CORS_ORIGINS).map(checkOrigin).find(Boolean))
  check('TRUST_PROXY', checkTrustProxy(variables.TRUST_PROXY))
  check('CRISIS_LINES', checkCrisisLines(variables.CRISIS_LINES))
  if (splitList(variables.GEMINI_MODELS).length === 0) check('GEMINI_MODELS', 'must name at least one model')
  check('GEMINI_THINKING', checkThinking(variables.GEMINI_THINKING))
  check('GEMINI_PRICES', splitList(variables.GEMINI_PRICES).map(checkPrice).find(Boolean))
  check('GEMINI_DAILY_BUDGET_USD', checkBudget(variables))
  check('DATA_KEYS', checkDataKeys(variables.DATA_KEYS))
  check('BACKUP_KEY', checkBackupKey(variables.BACKUP_KEY))
  check('RETENTION_DAYS', checkRetention(variables.RETENTION_DAYS))
  return faults
}

/** A budget requires a price for every model. */
function checkBudget(v: Variables): string | undefined {
  if (v.GEMINI_DAILY_BUDGET_USD === undefined) return undefined
  if (!/^\d{1,7}(\.\d{1,6})?$/.test(v.GEMINI_DAILY_BUDGET_USD)) return 'must be an amount of US dollars'
  const priced = new Set(parsePrices(v.GEMINI_PRICES).map(([model]) => model))
  const unpriced = splitList(v.GEMINI_MODELS).find((model) => !priced.has(model))
  return unpriced === undefined ? undefined : `needs a price for ${unpriced} in GEMINI_PRICES`
}

/** Groups the variables for the rest of the program. */
const groupVariables = (v: Variables, environment: Environment) => ({
  production: v.NODE_ENV === 'production',
  logLevel: v.LOG_LEVEL,
  commit: v.GIT_COMMIT,
  metricsToken: v.METRICS_TOKEN ?? null,
  tracing: groupTracing(v, environment),
  server: groupServer(v),
  database: groupDatabase(v),
  accounts: groupAccounts(v),
  limits: groupLimits(v),
  analysis: groupAnalysis(v),
  counsellor: groupCounsellor(v),
  privacy: groupPrivacy(v),
  sessions: groupSessions(v),
})

export type Config = Readonly<ReturnType<typeof groupVariables>>

/** Null: nothing is traced. */
function groupTracing(v: Variables, environment: Environment) {
  const base = v.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, '')
  const endpoint = v.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base === undefined ? null : `${base}/v1/traces`)
  if (endpoint === null || v.OTEL_SDK_DISABLED) return null
  const names = Object.keys(environment).filter((name) => name.startsWith('OTEL_'))
  return {
    endpoint,
    encoding: v.OTEL_EXPORTER_OTLP_PROTOCOL,
    serviceName: v.OTEL_SERVICE_NAME,
    /** What the SDK reads itself, from its standard variables: headers, sampler, limits, timeouts. */
    variables: Object.fromEntries(names.map((name) => [name, environment[name] ?? ''])),
  }
}

const groupServer = (v: Variables) => ({
  port: v.PORT,
  host: v.HOST,
  publicUrl: v.PUBLIC_URL === undefined ? null : normalizeUrl(v.PUBLIC_URL),
  /** The path of PUBLIC_URL without a trailing slash; empty without a path. */
  basePath: v.PUBLIC_URL === undefined ? '' : new URL(v.PUBLIC_URL).pathname.replace(/\/+$/, ''),
  trustProxy: parseTrustProxy(v.TRUST_PROXY),
  keepAliveMs: v.KEEP_ALIVE_MS,
  drainDelayMs: v.DRAIN_DELAY_MS,
})

const groupDatabase = (v: Variables) => ({
  url: v.DATABASE_URL ?? null,
  directUrl: v.DATABASE_DIRECT_URL ?? v.DATABASE_URL ?? null,
  caCertFile: v.DATABASE_CA_CERT ?? null,
  poolMax: v.DATABASE_POOL_MAX,
  waitMs: v.DATABASE_WAIT_MS,
  dataDir: v.DATA_DIR,
  migrateOnBoot: v.MIGRATE_ON_BOOT,
  onMismatch: v.SCHEMA_MISMATCH,
})

const groupAccounts = (v: Variables) => ({
  jwtSecret: v.JWT_SECRET ?? null,
  accessTtlMs: parseDuration(v.JWT_EXPIRES_IN),
  refreshTtlMs: parseDuration(v.REFRESH_TOKEN_EXPIRES_IN),
  previousJwtSecret: v.JWT_SECRET_PREVIOUS ?? null,
  pepper: v.PASSWORD_PEPPER ?? null,
  blocklist: v.PASSWORD_BLOCKLIST,
})

const groupLimits = (v: Variables) => ({
  corsOrigins: splitList(v.CORS_ORIGINS).map(normalizeOrigin),
  rateMax: v.RATE_LIMIT_MAX,
  rateWindowMs: parseDuration(v.RATE_LIMIT_WINDOW),
  socketsPerAddress: v.SOCKETS_PER_ADDRESS,
  socketsPerUser: v.SOCKETS_PER_USER,
})

const groupAnalysis = (v: Variables) => ({
  enabled: v.INFERENCE_ENABLED,
  intervalMs: v.ANALYSIS_INTERVAL_MS,
  deadlineMs: v.ANALYSIS_DEADLINE_MS,
  maxFrames: v.MAX_FRAMES_PER_ANALYSIS,
  gemini: groupGemini(v),
  geminiTimeoutMs: v.GEMINI_TIMEOUT_MS,
})

/** Null: only the local analyser is used. */
const groupGemini = (v: Variables) =>
  v.GEMINI_API_KEY === undefined
    ? null
    : {
        apiKey: v.GEMINI_API_KEY,
        models: splitList(v.GEMINI_MODELS),
        thinking: parseThinking(v.GEMINI_THINKING),
        baseUrl: v.GEMINI_BASE_URL ?? null,
        timeoutMs: v.GEMINI_TIMEOUT_MS,
        perMinute: { requests: v.GEMINI_REQUESTS_PER_MINUTE, tokens: v.GEMINI_TOKENS_PER_MINUTE },
        prices: parsePrices(v.GEMINI_PRICES),
        dailyBudgetMicroUsd:
          v.GEMINI_DAILY_BUDGET_USD === undefined ? null : Number(v.GEMINI_DAILY_BUDGET_USD) * 1e6,
      }

const groupCounsellor = (v: Variables) => ({
  /** Empty: the built-in lines. */
  crisisLines: splitList(v.CRISIS_LINES).map(parseCrisisLine),
})

const groupPrivacy = (v: Variables) => ({
  requireConsent: v.REQUIRE_CONSENT,
  /** Empty: no encryption. The first key encrypts, all of them decrypt. */
  dataKeys: parseDataKeys(v.DATA_KEYS),
  /** Base64; null: backups are not encrypted. */
  backupKey: v.BACKUP_KEY ?? null,
  retentionDays: parseRetentionDays(v.RETENTION_DAYS),
})

const groupSessions = (v: Variables) => ({
  leaseMs: v.LEASE_MS,
  requireTicket: v.WS_REQUIRE_TICKET,
  pingIntervalMs: v.WS_PING_INTERVAL_MS,
  graceMs: v.SESSION_GRACE_MS,
  idleMs: v.SESSION_ABANDON_MS,
})

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value
}

/**
 * Reads the environment once.
 * @throws ConfigError with one line for each fault: the variable, the problem, an example; never the value of a secret.
 */
export function readConfig(environment: Environment): Config {
  const quoted = VARIABLE_NAMES.filter((name) => QUOTED.test(environment[name]?.trim() ?? ''))
  if (quoted.length > 0)
    throw new ConfigError(
      quoted.map((name) => describeFault(name, 'has quotes around its value: remove them')),
    )
  const variables: unknown = Value.Default(VariablesSchema, readValues(environment))
  if (!Value.Check(VariablesSchema, variables)) {
    const invalid = Value.Errors(VariablesSchema, variables).map(({ instancePath }) => instancePath.slice(1))
    const names = VARIABLE_NAMES.filter((name) => invalid.includes(name))
    throw new ConfigError(names.map((name) => describeFault(name, describeRule(name))))
  }
  const faults = findRuleFaults(variables)
  if (faults.length > 0) throw new ConfigError(faults)
  return deepFreeze(groupVariables(variables, environment))
}

/** Generates `.env.example` from the schema. */
export function renderEnvironmentExample(): string {
  const lines = ['# All environment variables of the server. Copy to .env and uncomment what you change.']
  let group = ''
  for (const name of VARIABLE_NAMES) {
    const { default: fallback, description, examples, group: nextGroup } = getRule(name)
    if (nextGroup !== group) lines.push('', `# ${(group = nextGroup)}`)
    lines.push(`# ${description}`, `# ${name}=${fallback === undefined ? examples[0] : String(fallback)}`)
  }
  return `${lines.join('\n')}\n`
}
