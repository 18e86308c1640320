import { isIP } from 'node:net'
import { Value } from 'typebox/value'
import { parseDatabaseUrl } from './db/url.ts'
import { type Environment, QUOTED } from './environment.ts'
import { dataKeys, dataKeysFault, retentionDays, retentionFault } from './privacy-settings.ts'
import {
  ruleOf,
  ruleText,
  VARIABLE_NAMES,
  type VariableName,
  type Variables,
  VariablesSchema,
} from './variables.ts'

export class ConfigError extends Error {
  readonly faults: readonly string[]

  /** @param faults one line each: the variable, what is wrong with it, an example. */
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** An empty value is an unset one: `FOO=` in a file must not mean the empty string. */
function present(environment: Environment): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const name of VARIABLE_NAMES) {
    const value = environment[name]?.trim()
    if (value !== undefined && value !== '') found[name] = typed(name, value)
  }
  return found
}

/** Flags and numbers as what they are; what cannot be read stays text, which their rule refuses. */
function typed(name: VariableName, text: string): unknown {
  const { type } = ruleOf(name)
  if (type === 'boolean' && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  return type === 'integer' && /^-?\d+$/.test(text) ? Number(text) : text
}

const fault = (name: VariableName, problem: string) =>
  `${name}: ${problem} (for example ${name}=${ruleOf(name).examples[0]})`

const MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const milliseconds = (text: string) => Number(text.slice(0, -1)) * (MS[text.slice(-1)] ?? 0)
const list = (text: string) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** Rules that a single type cannot say. */
function ruleFaults(variables: Variables): string[] {
  const faults: string[] = []
  const check = (name: VariableName, problem: string | undefined) => {
    if (problem !== undefined) faults.push(fault(name, problem))
  }
  const production = variables.NODE_ENV === 'production'
  if (production && variables.JWT_SECRET === undefined)
    check('JWT_SECRET', 'must be set when NODE_ENV=production')
  if (production && variables.DATABASE_URL === undefined && !variables.DATABASE_EMBEDDED) {
    check('DATABASE_URL', 'must be set when NODE_ENV=production, or set DATABASE_EMBEDDED=true')
  }
  if (variables.DATABASE_DIRECT_URL !== undefined && variables.DATABASE_URL === undefined)
    check('DATABASE_URL', 'must be set when DATABASE_DIRECT_URL is')
  for (const name of ['DATABASE_URL', 'DATABASE_DIRECT_URL'] as const)
    check(name, databaseUrlFault(variables[name]))
  if (variables.JWT_SECRET_PREVIOUS !== undefined && variables.JWT_SECRET_PREVIOUS === variables.JWT_SECRET)
    check('JWT_SECRET_PREVIOUS', 'must differ from JWT_SECRET; unset it when the secret has not changed')
  for (const name of ['PUBLIC_URL', 'GEMINI_BASE_URL'] as const) check(name, httpUrlFault(variables[name]))
  check('CORS_ORIGINS', list(variables.CORS_ORIGINS).map(originFault).find(Boolean))
  check('TRUST_PROXY', trustProxyFault(variables.TRUST_PROXY))
  if (!list(variables.CRISIS_LINES ?? '').every((line) => CRISIS_LINE.test(line)))
    check('CRISIS_LINES', 'must be a comma list of name=number')
  if (list(variables.GEMINI_MODELS).length === 0) check('GEMINI_MODELS', 'names no model')
  if (!list(variables.GEMINI_THINKING ?? '').every((item) => THINKING.test(item)))
    check(
      'GEMINI_THINKING',
      'must be model=minimal, low, medium, high, a number of tokens or none, with commas between',
    )
  check('GEMINI_PRICES', list(variables.GEMINI_PRICES).map(priceFault).find(Boolean))
  check('GEMINI_DAILY_BUDGET_USD', budgetFault(variables))
  check('DATA_KEYS', dataKeysFault(variables.DATA_KEYS))
  check('RETENTION_DAYS', retentionFault(variables.RETENTION_DAYS))
  return faults
}

function databaseUrlFault(url: string | undefined): string | undefined {
  if (url === undefined) return undefined
  try {
    parseDatabaseUrl(url)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'is not a Postgres address'
  }
}

function httpUrlFault(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  return /^https?:$/.test(URL.canParse(text) ? new URL(text).protocol : '')
    ? undefined
    : 'is not an http(s) address'
}

/** Of a page: with or without a star for a part of one label. */
const WEB_ORIGIN = /^https?:\/\/[^\s/?#@*]*\*?[^\s/?#@*]*$/i
/** Of an app that brings its own scheme, such as `capacitor://localhost`. */
const APP_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+$/i

/** Schemes whose origins no browser sends: an entry with one is a slip. */
const NETWORK_SCHEME = /^(https?|wss?|ftp|file):/i

const originFault = (origin: string): string | undefined =>
  (WEB_ORIGIN.test(origin) && URL.canParse(origin.replace('*', 'x'))) ||
  (APP_ORIGIN.test(origin) && !NETWORK_SCHEME.test(origin))
    ? undefined
    : 'must be origins such as scheme://host:port, without a path'

const trustProxyFault = (text: string): string | undefined =>
  /^(true|false|\d{1,2})$/i.test(text) || (list(text).length > 0 && list(text).every(isAddressBlock))
    ? undefined
    : 'must be true, false, a number of hops or a list of CIDR blocks'

function isAddressBlock(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

const THINKING = /^([^=\s]+)=(minimal|low|medium|high|none|\d{1,5})$/

const thinkingSettings = (text: string) =>
  list(text).map((item): [model: string, setting: string] => {
    const [, model = '', setting = ''] = THINKING.exec(item) ?? []
    return [model, setting]
  })

const PRICE = /^([^=\s]+)=(\d{1,6}(?:\.\d{1,6})?)\/(\d{1,6}(?:\.\d{1,6})?)$/

const priceFault = (price: string): string | undefined =>
  PRICE.test(price)
    ? undefined
    : 'must be model=prompt/answer in US dollars for a million tokens, with commas between'

/** By model: what a million tokens cost, in US dollars. */
const prices = (text: string) =>
  list(text).flatMap((price): [string, { prompt: number; answer: number }][] => {
    const [, model, prompt, answer] = PRICE.exec(price) ?? []
    return model === undefined ? [] : [[model, { prompt: Number(prompt), answer: Number(answer) }]]
  })

/** A budget cannot be kept for a model whose price nobody knows. */
function budgetFault(v: Variables): string | undefined {
  if (v.GEMINI_DAILY_BUDGET_USD === undefined) return undefined
  if (!/^\d{1,7}(\.\d{1,6})?$/.test(v.GEMINI_DAILY_BUDGET_USD)) return 'must be an amount of US dollars'
  const priced = new Set(prices(v.GEMINI_PRICES).map(([model]) => model))
  const free = list(v.GEMINI_MODELS).find((model) => !priced.has(model))
  return free === undefined ? undefined : `needs a price of ${free} in GEMINI_PRICES`
}

type TrustedProxies = false | string[] | ((address: string, hop: number) => boolean)

const trustedHops = (hops: number) => (_address: string, hop: number) => hop < hops

function trustProxy(text: string): TrustedProxies {
  if (/^(false|0)$/i.test(text)) return false
  if (/^true$/i.test(text)) return trustedHops(1)
  return /^\d+$/.test(text) ? trustedHops(Number(text)) : list(text)
}

/** A name, an equals sign, and a number that can be dialled. */
const CRISIS_LINE = /^([^=]{1,60})=\s*(\+?[\d -]{2,20})$/

function crisisLine(text: string): { readonly name: string; readonly number: string } {
  const [, name = '', number = ''] = CRISIS_LINE.exec(text) ?? []
  return { name: name.trim(), number: number.trim() }
}

/**
 * As a browser writes it: lower case, no default port. URL gives an app's own scheme the origin `null`, which every
 * sandboxed page has.
 */
const browserOrigin = (origin: string) =>
  origin.includes('*') || !/^https?:/i.test(origin) ? origin.toLowerCase() : new URL(origin).origin

/** Without the slash at its end, for paths are appended. */
function addressOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`.replace(/\/+$/, '')
}

/** The grouped view of the variables that the rest of the program works with. */
function grouped(v: Variables) {
  return {
    production: v.NODE_ENV === 'production',
    logLevel: v.LOG_LEVEL,
    commit: v.GIT_COMMIT,
    metricsToken: v.METRICS_TOKEN ?? null,
    server: {
      port: v.PORT,
      host: v.HOST,
      publicUrl: v.PUBLIC_URL === undefined ? null : addressOf(v.PUBLIC_URL),
      /** The path of PUBLIC_URL, without a slash at its end; empty where it has none. */
      basePath: v.PUBLIC_URL === undefined ? '' : new URL(v.PUBLIC_URL).pathname.replace(/\/+$/, ''),
      trustProxy: trustProxy(v.TRUST_PROXY),
      keepAliveMs: v.KEEP_ALIVE_MS,
      drainDelayMs: v.DRAIN_DELAY_MS,
    },
    database: {
      url: v.DATABASE_URL ?? null,
      directUrl: v.DATABASE_DIRECT_URL ?? v.DATABASE_URL ?? null,
      caCertFile: v.DATABASE_CA_CERT ?? null,
      poolMax: v.DATABASE_POOL_MAX,
      waitMs: v.DATABASE_WAIT_MS,
      dataDir: v.DATA_DIR,
      migrateOnBoot: v.MIGRATE_ON_BOOT,
      onMismatch: v.SCHEMA_MISMATCH,
    },
    accounts: {
      jwtSecret: v.JWT_SECRET ?? null,
      accessTtlMs: milliseconds(v.JWT_EXPIRES_IN),
      refreshTtlMs: milliseconds(v.REFRESH_TOKEN_EXPIRES_IN),
      previousJwtSecret: v.JWT_SECRET_PREVIOUS ?? null,
      pepper: v.PASSWORD_PEPPER ?? null,
      blocklist: v.PASSWORD_BLOCKLIST,
    },
    limits: {
      corsOrigins: list(v.CORS_ORIGINS).map(browserOrigin),
      rateMax: v.RATE_LIMIT_MAX,
      rateWindowMs: milliseconds(v.RATE_LIMIT_WINDOW),
      socketsPerAddress: v.SOCKETS_PER_ADDRESS,
      socketsPerUser: v.SOCKETS_PER_USER,
    },
    analysis: {
      enabled: v.INFERENCE_ENABLED,
      intervalMs: v.ANALYSIS_INTERVAL_MS,
      deadlineMs: v.ANALYSIS_DEADLINE_MS,
      maxFrames: v.MAX_FRAMES_PER_ANALYSIS,
      gemini:
        v.GEMINI_API_KEY === undefined
          ? null
          : {
              apiKey: v.GEMINI_API_KEY,
              models: list(v.GEMINI_MODELS),
              thinking: thinkingSettings(v.GEMINI_THINKING ?? ''),
              baseUrl: v.GEMINI_BASE_URL ?? null,
              timeoutMs: v.GEMINI_TIMEOUT_MS,
              perMinute: { requests: v.GEMINI_REQUESTS_PER_MINUTE, tokens: v.GEMINI_TOKENS_PER_MINUTE },
              prices: prices(v.GEMINI_PRICES),
              dailyBudgetMicroUsd:
                v.GEMINI_DAILY_BUDGET_USD === undefined ? null : Number(v.GEMINI_DAILY_BUDGET_USD) * 1e6,
            },
      geminiTimeoutMs: v.GEMINI_TIMEOUT_MS,
    },
    counsellor: {
      /** Empty: the built-in ones. */
      crisisLines: list(v.CRISIS_LINES ?? '').map(crisisLine),
    },
    privacy: {
      requireConsent: v.REQUIRE_CONSENT,
      /** Empty: nothing is encrypted. The first encrypts, all of them decrypt. */
      dataKeys: dataKeys(v.DATA_KEYS),
      retentionDays: retentionDays(v.RETENTION_DAYS),
    },
    sessions: {
      leaseMs: v.LEASE_MS,
      requireTicket: v.WS_REQUIRE_TICKET,
      pingIntervalMs: v.WS_PING_INTERVAL_MS,
      graceMs: v.SESSION_GRACE_MS,
      idleMs: v.SESSION_ABANDON_MS,
    },
  }
}

export type Config = Readonly<ReturnType<typeof grouped>>

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner)
    Object.freeze(value)
  }
  return value
}

/**
 * Reads the environment once.
 * @throws ConfigError with one line for each fault: the variable, what is wrong, an example; never a value that is secret.
 */
export function readConfig(environment: Environment): Config {
  const quoted = VARIABLE_NAMES.filter((name) => QUOTED.test(environment[name]?.trim() ?? ''))
  if (quoted.length > 0)
    throw new ConfigError(quoted.map((name) => fault(name, 'has quotes around its value: take them away')))
  const variables: unknown = Value.Default(VariablesSchema, present(environment))
  if (!Value.Check(VariablesSchema, variables)) {
    const findings = Value.Errors(VariablesSchema, variables).map(({ instancePath }) => instancePath.slice(1))
    const atFault = VARIABLE_NAMES.filter((name) => findings.includes(name))
    throw new ConfigError(atFault.map((name) => fault(name, ruleText(name))))
  }
  const faults = ruleFaults(variables)
  if (faults.length > 0) throw new ConfigError(faults)
  return frozen(grouped(variables))
}

/** `.env.example`, written from the schema. */
export function environmentExample(): string {
  const lines = ['# Every variable this server reads. Copy to .env and uncomment what you change.']
  let group = ''
  for (const name of VARIABLE_NAMES) {
    const { default: standard, description, examples, group: named } = ruleOf(name)
    if (named !== group) lines.push('', `# ${(group = named)}`)
    lines.push(`# ${description}`, `# ${name}=${standard === undefined ? examples[0] : String(standard)}`)
  }
  return `${lines.join('\n')}\n`
}
