import t from 'tap'
import { ConfigError, renderEnvironmentExample, readConfig } from '../../src/config/config.ts'
import { getRule, VARIABLE_NAMES, type VariableName } from '../../src/config/variables.ts'

const SECRET = 'k9#not-to-be-printed#k9-0123456789abcdef'
const DATABASE = 'postgres://maeum:hunter2secret@db.example.com/maeum'

/** The lines with which this environment is refused; empty when it is taken. */
function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

t.test('the defaults are the documented ones', async (t) => {
  const defaults: Partial<Record<VariableName, unknown>> = {
    PORT: 8000,
    HOST: '::',
    PUBLIC_URL: undefined,
    DATABASE_URL: undefined,
    DATABASE_DIRECT_URL: undefined,
    DATA_DIR: '.data',
    MIGRATE_ON_BOOT: true,
    SCHEMA_MISMATCH: 'stop',
    JWT_SECRET: undefined,
    JWT_SECRET_PREVIOUS: undefined,
    JWT_EXPIRES_IN: '15m',
    REFRESH_TOKEN_EXPIRES_IN: '7d',
    CORS_ORIGINS: 'http://localhost:5173,http://localhost:4173,http://localhost:3000',
    TRUST_PROXY: 'false',
    RATE_LIMIT_MAX: 600,
    RATE_LIMIT_WINDOW: '10m',
    SOCKETS_PER_ADDRESS: 4000,
    SOCKETS_PER_USER: 2000,
    GEMINI_API_KEY: undefined,
    GEMINI_MODELS: 'gemini-3.5-flash-lite,gemini-3.1-flash-lite,gemini-3.6-flash',
    GEMINI_BASE_URL: undefined,
    GEMINI_TIMEOUT_MS: 45_000,
    MAX_FRAMES_PER_ANALYSIS: 40,
    ANALYSIS_INTERVAL_MS: 10_000,
    ANALYSIS_DEADLINE_MS: 9000,
    WS_PING_INTERVAL_MS: 10_000,
    SESSION_GRACE_MS: 30_000,
    SESSION_ABANDON_MS: 600_000,
    WS_REQUIRE_TICKET: false,
    REQUIRE_CONSENT: false,
    INFERENCE_ENABLED: true,
    PASSWORD_BLOCKLIST: false,
    PASSWORD_PEPPER: undefined,
    DATA_KEYS: undefined,
    BACKUP_KEY: undefined,
    RETENTION_DAYS: undefined,
    GEMINI_DAILY_BUDGET_USD: undefined,
    METRICS_TOKEN: undefined,
  }
  for (const [name, value] of Object.entries(defaults))
    t.equal(getRule(name as VariableName).default, value, name) // a key of the table above

  t.same(readConfig({}), {
    production: false,
    logLevel: 'info',
    commit: 'unknown',
    metricsToken: null,
    tracing: null,
    server: {
      port: 8000,
      host: '::',
      publicUrl: null,
      trustProxy: false,
      keepAliveMs: 72_000,
      drainDelayMs: 0,
      basePath: '',
    },
    database: {
      url: null,
      directUrl: null,
      caCertFile: null,
      poolMax: 10,
      waitMs: 60_000,
      dataDir: '.data',
      migrateOnBoot: true,
      onMismatch: 'stop',
    },
    accounts: {
      jwtSecret: null,
      previousJwtSecret: null,
      accessTtlMs: 900_000,
      refreshTtlMs: 604_800_000,
      pepper: null,
      blocklist: false,
    },
    limits: {
      corsOrigins: ['http://localhost:5173', 'http://localhost:4173', 'http://localhost:3000'],
      rateMax: 600,
      rateWindowMs: 600_000,
      socketsPerAddress: 4000,
      socketsPerUser: 2000,
    },
    analysis: {
      enabled: true,
      intervalMs: 10_000,
      deadlineMs: 9000,
      maxFrames: 40,
      gemini: null,
      geminiTimeoutMs: 45_000,
    },
    counsellor: { crisisLines: [] },
    privacy: { requireConsent: false, dataKeys: [], backupKey: null, retentionDays: {} },
    sessions: {
      leaseMs: 15_000,
      requireTicket: false,
      pingIntervalMs: 10_000,
      graceMs: 30_000,
      idleMs: 600_000,
    },
  })
})

t.test('every variable can be set', async (t) => {
  const config = readConfig({
    NODE_ENV: 'production',
    PORT: '0',
    HOST: '127.0.0.1',
    PUBLIC_URL: 'HTTPS://Maeum.Example.com:443/base//',
    TRUST_PROXY: '10.0.0.0/8, 2001:db8::/32,192.0.2.1',
    LOG_LEVEL: 'warn',
    GIT_COMMIT: '0123abc',
    METRICS_TOKEN: SECRET,
    DATABASE_URL: DATABASE,
    DATABASE_DIRECT_URL: 'postgres://direct.example.com/maeum',
    DATABASE_CA_CERT: './ca.crt',
    DATABASE_POOL_MAX: '3',
    DATABASE_WAIT_MS: '0',
    DATA_DIR: '/var/maeum',
    MIGRATE_ON_BOOT: 'FALSE',
    SCHEMA_MISMATCH: 'unready',
    JWT_SECRET: ` ${SECRET}\n`,
    JWT_SECRET_PREVIOUS: `${SECRET} of last year`,
    JWT_EXPIRES_IN: '90s',
    REFRESH_TOKEN_EXPIRES_IN: '2h',
    PASSWORD_PEPPER: 'pepper',
    PASSWORD_BLOCKLIST: 'true',
    KEEP_ALIVE_MS: '620000',
    DRAIN_DELAY_MS: '5000',
    CORS_ORIGINS: ' https://App.example.com:443 , https://app-*.Example.com,Capacitor://localhost',
    RATE_LIMIT_MAX: '1',
    RATE_LIMIT_WINDOW: '1d',
    SOCKETS_PER_ADDRESS: '9',
    SOCKETS_PER_USER: '3',
    WS_REQUIRE_TICKET: 'true',
    ANALYSIS_INTERVAL_MS: '200',
    ANALYSIS_DEADLINE_MS: '50',
    MAX_FRAMES_PER_ANALYSIS: '1',
    INFERENCE_ENABLED: 'false',
    CRISIS_LINES: '도움의 전화=02-123-4567, Night line = +44 20 7946 0000',
    GEMINI_API_KEY: 'key',
    GEMINI_MODELS: 'one, two',
    GEMINI_THINKING: 'one=minimal, two=1024,three=none',
    GEMINI_REQUESTS_PER_MINUTE: '60',
    GEMINI_TOKENS_PER_MINUTE: '50000',
    GEMINI_PRICES: 'one=0.1/0.4, two=1/2',
    GEMINI_DAILY_BUDGET_USD: '2.5',
    GEMINI_BASE_URL: 'http://127.0.0.1:9000',
    GEMINI_TIMEOUT_MS: '50',
    WS_PING_INTERVAL_MS: '100',
    SESSION_GRACE_MS: '100',
    SESSION_ABANDON_MS: '1000',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318/',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_SERVICE_NAME: 'ours',
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    UNKNOWN_VARIABLE: 'is ignored',
  })
  t.same(config, {
    production: true,
    logLevel: 'warn',
    commit: '0123abc',
    metricsToken: SECRET,
    tracing: {
      endpoint: 'http://127.0.0.1:4318/v1/traces',
      encoding: 'http/json',
      serviceName: 'ours',
      variables: {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318/',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_SERVICE_NAME: 'ours',
        OTEL_BSP_MAX_QUEUE_SIZE: '100',
      },
    },
    server: {
      port: 0,
      host: '127.0.0.1',
      publicUrl: 'https://maeum.example.com/base',
      trustProxy: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.1'],
      keepAliveMs: 620_000,
      drainDelayMs: 5000,
      basePath: '/base',
    },
    database: {
      url: DATABASE,
      directUrl: 'postgres://direct.example.com/maeum',
      caCertFile: './ca.crt',
      poolMax: 3,
      waitMs: 0,
      dataDir: '/var/maeum',
      migrateOnBoot: false,
      onMismatch: 'unready',
    },
    accounts: {
      jwtSecret: SECRET,
      previousJwtSecret: `${SECRET} of last year`,
      accessTtlMs: 90_000,
      refreshTtlMs: 7_200_000,
      pepper: 'pepper',
      blocklist: true,
    },
    limits: {
      corsOrigins: ['https://app.example.com', 'https://app-*.example.com', 'capacitor://localhost'],
      rateMax: 1,
      rateWindowMs: 86_400_000,
      socketsPerAddress: 9,
      socketsPerUser: 3,
    },
    analysis: {
      enabled: false,
      intervalMs: 200,
      deadlineMs: 50,
      maxFrames: 1,
      gemini: {
        apiKey: 'key',
        models: ['one', 'two'],
        thinking: [
          ['one', 'minimal'],
          ['two', '1024'],
          ['three', 'none'],
        ],
        baseUrl: 'http://127.0.0.1:9000',
        timeoutMs: 50,
        perMinute: { requests: 60, tokens: 50_000 },
        prices: [
          ['one', { prompt: 0.1, answer: 0.4 }],
          ['two', { prompt: 1, answer: 2 }],
        ],
        dailyBudgetMicroUsd: 2_500_000,
      },
      geminiTimeoutMs: 50,
    },
    counsellor: {
      crisisLines: [
        { name: '도움의 전화', number: '02-123-4567' },
        { name: 'Night line', number: '+44 20 7946 0000' },
      ],
    },
    privacy: { requireConsent: false, dataKeys: [], backupKey: null, retentionDays: {} },
    sessions: { leaseMs: 15_000, requireTicket: true, pingIntervalMs: 100, graceMs: 100, idleMs: 1000 },
  })
  t.equal(
    readConfig({ DATABASE_URL: DATABASE }).database.directUrl,
    DATABASE,
    'direct is the same unless told',
  )
})

t.test('nothing can be changed after reading', async (t) => {
  const config = readConfig({ TRUST_PROXY: '10.0.0.0/8', GEMINI_API_KEY: 'key' })
  const inner = [config, ...Object.values(config), config.limits.corsOrigins, config.analysis.gemini?.models]
  for (const part of inner) t.ok(Object.isFrozen(part), JSON.stringify(part))
})

t.test('a budget needs the price of every model that may be asked', async (t) => {
  t.same(
    faultsOf({ GEMINI_DAILY_BUDGET_USD: '5' }),
    [
      'GEMINI_DAILY_BUDGET_USD: needs a price for gemini-3.6-flash in GEMINI_PRICES (for example GEMINI_DAILY_BUDGET_USD=5)',
    ],
    'so does the last of the default models, whose price is not known here',
  )
  const env = { GEMINI_MODELS: 'gemini-2.5-flash-lite,gemini-new', GEMINI_DAILY_BUDGET_USD: '5' }
  t.same(faultsOf(env), [
    'GEMINI_DAILY_BUDGET_USD: needs a price for gemini-new in GEMINI_PRICES (for example GEMINI_DAILY_BUDGET_USD=5)',
  ])
  const priced = { ...env, GEMINI_PRICES: 'gemini-2.5-flash-lite=0.1/0.4,gemini-new=1/4' }
  t.equal(readConfig({ ...priced, GEMINI_API_KEY: 'key' }).analysis.gemini?.dailyBudgetMicroUsd, 5_000_000)
})

t.test('an empty value is an unset one', async (t) => {
  const empty = Object.fromEntries(VARIABLE_NAMES.map((name) => [name, ' ']))
  t.same(readConfig(empty), readConfig({}))
})

t.test('a fault is one line: the variable, what is wrong, an example', async (t) => {
  const faults: [name: VariableName, value: string, line: string][] = [
    ['NODE_ENV', 'staging', 'must be one of development, test, production (for example NODE_ENV=production)'],
    ['PORT', 'eighty', 'must be a whole number from 0 to 65535 (for example PORT=8000)'],
    ['PORT', '80.5', 'must be a whole number from 0 to 65535 (for example PORT=8000)'],
    ['PORT', '-1', 'must be a whole number from 0 to 65535 (for example PORT=8000)'],
    ['PORT', '65536', 'must be a whole number from 0 to 65535 (for example PORT=8000)'],
    ['PORT', '0x50', 'must be a whole number from 0 to 65535 (for example PORT=8000)'],
    [
      'PUBLIC_URL',
      'maeum.example.com',
      'must be an http(s) URL (for example PUBLIC_URL=https://maeum.example.com)',
    ],
    ['PUBLIC_URL', 'ftp://x', 'must be an http(s) URL (for example PUBLIC_URL=https://maeum.example.com)'],
    [
      'GEMINI_BASE_URL',
      'localhost:9000',
      'must be an http(s) URL (for example GEMINI_BASE_URL=http://127.0.0.1:9000)',
    ],
    [
      'LOG_LEVEL',
      'loud',
      'must be one of fatal, error, warn, info, debug, trace, silent (for example LOG_LEVEL=info)',
    ],
    ['DATABASE_POOL_MAX', '0', 'must be a whole number from 1 to 200 (for example DATABASE_POOL_MAX=10)'],
    ['DATABASE_EMBEDDED', 'yes', 'must be true or false (for example DATABASE_EMBEDDED=true)'],
    ['MIGRATE_ON_BOOT', '1', 'must be true or false (for example MIGRATE_ON_BOOT=false)'],
    ['SCHEMA_MISMATCH', 'ignore', 'must be one of stop, unready (for example SCHEMA_MISMATCH=unready)'],
    [
      'JWT_SECRET',
      'x'.repeat(31),
      'must have at least 32 characters (for example JWT_SECRET=output of: openssl rand -base64 48)',
    ],
    [
      'JWT_EXPIRES_IN',
      '900',
      'must be a whole number followed by its unit: s, m, h or d (for example JWT_EXPIRES_IN=15m)',
    ],
    [
      'JWT_EXPIRES_IN',
      '0m',
      'must be a whole number followed by its unit: s, m, h or d (for example JWT_EXPIRES_IN=15m)',
    ],
    [
      'REFRESH_TOKEN_EXPIRES_IN',
      '1 week',
      'must be a whole number followed by its unit: s, m, h or d (for example REFRESH_TOKEN_EXPIRES_IN=7d)',
    ],
    ['RATE_LIMIT_MAX', '0', 'must be a whole number from 1 to 100000000 (for example RATE_LIMIT_MAX=600)'],
    [
      'GEMINI_PRICES',
      'one=0.1',
      'must be a comma-separated list of model=prompt/answer, in US dollars per million tokens (for example GEMINI_PRICES=gemini-3.5-flash-lite=0.30/2.50)',
    ],
    [
      'GEMINI_DAILY_BUDGET_USD',
      '-5',
      'must be an amount of US dollars (for example GEMINI_DAILY_BUDGET_USD=5)',
    ],
    ...['one', 'one=', 'one=lots', 'one=-1', 'one=low;two=low', '=low'].map(
      (value): [VariableName, string, string] => [
        'GEMINI_THINKING',
        value,
        'must be a comma-separated list of model=minimal, low, medium, high, none or a number of tokens (for example GEMINI_THINKING=gemini-3.6-flash=minimal,gemini-2.5-pro=128)',
      ],
    ),
    [
      'GEMINI_MODELS',
      ' , ',
      'must name at least one model (for example GEMINI_MODELS=gemini-3.5-flash-lite)',
    ],
    [
      'ANALYSIS_INTERVAL_MS',
      '10s',
      'must be a whole number from 200 to 3600000 (for example ANALYSIS_INTERVAL_MS=10000)',
    ],
  ]
  for (const [name, value, line] of faults)
    t.same(faultsOf({ [name]: value }), [`${name}: ${line}`], `${name}=${value}`)

  t.test('all of them at once, in the order of the documents', async (t) => {
    const lines = faultsOf({ RATE_LIMIT_MAX: 'x', PORT: 'y', NODE_ENV: 'z' })
    t.same(
      lines.map((line) => line.split(':')[0]),
      ['NODE_ENV', 'PORT', 'RATE_LIMIT_MAX'],
    )
  })

  t.test('every variable with a rule is refused by name', async (t) => {
    for (const name of VARIABLE_NAMES) {
      const { type, enum: choices, pattern } = getRule(name)
      if (type === 'string' && choices === undefined && pattern === undefined) continue
      t.match(
        faultsOf({ [name]: '!' }),
        [new RegExp(`^${name}: must .+ \\(for example ${name}=.+\\)$`)],
        name,
      )
    }
  })
})

t.test('who may be trusted as a proxy', async (t) => {
  const trusted = (text: string) => readConfig({ TRUST_PROXY: text }).server.trustProxy
  t.equal(trusted('false'), false)
  t.equal(trusted('0'), false)
  const hops = (text: string) => {
    const trust = trusted(text)
    return typeof trust === 'function'
      ? [0, 1, 2, 3].filter((hop) => trust('203.0.113.1', hop)).length
      : trust
  }
  t.equal(hops('true'), 1)
  t.equal(hops('TRUE'), 1)
  t.equal(hops('1'), 1)
  t.equal(hops('3'), 3)
  t.same(trusted('127.0.0.1'), ['127.0.0.1'])
  t.same(trusted('::1, 10.0.0.0/8'), ['::1', '10.0.0.0/8'])
  const wrong = [
    'yes',
    'abc',
    '-1',
    '100',
    '999',
    ',',
    '10.0.0.0/33',
    '10.0.0.0/0',
    '10.0.0/8',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
  ]
  for (const text of wrong)
    t.same(
      faultsOf({ TRUST_PROXY: text }),
      [
        'TRUST_PROXY: must be true, false, a number of hops or a list of CIDR blocks (for example TRUST_PROXY=1)',
      ],
      text,
    )
})

t.test('which origins may call', async (t) => {
  const wrong = [
    '*',
    'localhost:5173',
    'https://',
    'https://a.example.com/',
    'https://a.example.com/app',
    'https://*.*.com',
    'ftp://a',
    'wss://a.example.com',
    'null',
    'capacitor://',
    'capacitor://localhost/',
    'capacitor://*',
    'https://u:p@a.com',
    'https://a b',
  ]
  for (const text of wrong)
    t.match(
      faultsOf({ CORS_ORIGINS: `https://good.example.com,${text}` }),
      [/^CORS_ORIGINS: must be origins such as /],
      text,
    )
  t.equal(faultsOf({ CORS_ORIGINS: '*,nonsense' }).length, 1, 'one line, however many are wrong')
})

t.test('a previous secret that is the present one is refused by its name', (t) => {
  t.match(faultsOf({ JWT_SECRET: SECRET, JWT_SECRET_PREVIOUS: SECRET }), [
    /^JWT_SECRET_PREVIOUS: must differ from JWT_SECRET/,
  ])
  t.end()
})

t.test('production makes nothing up', async (t) => {
  const production = { NODE_ENV: 'production', JWT_SECRET: SECRET, DATABASE_URL: DATABASE }
  t.same(faultsOf(production), [])
  t.match(faultsOf({ ...production, JWT_SECRET: '' }), [/^JWT_SECRET: must be set when NODE_ENV=production/])
  t.match(faultsOf({ ...production, DATABASE_URL: '' }), [
    /^DATABASE_URL: must be set .*DATABASE_EMBEDDED=true/,
  ])
  t.equal(faultsOf({ NODE_ENV: 'production' }).length, 2)
  const embedded = readConfig({ ...production, DATABASE_URL: '', DATABASE_EMBEDDED: 'true' })
  t.equal(embedded.database.url, null, 'unless it is asked to')
  t.match(faultsOf({ DATABASE_DIRECT_URL: DATABASE }), [
    /^DATABASE_URL: must be set when DATABASE_DIRECT_URL is/,
  ])
})

t.test('no fault shows the value of a secret', async (t) => {
  const secrets = VARIABLE_NAMES.filter((name) => getRule(name).secret)
  t.ok(secrets.length >= 6)
  const broken = {
    NODE_ENV: 'production',
    JWT_SECRET: 'hunter2-short',
    DATABASE_URL: 'mysql://maeum:hunter2@db/maeum',
    DATABASE_DIRECT_URL: 'postgres://maeum:hunter2@:99999/?sslmode=never',
    DATA_KEYS: 'hunter2',
    BACKUP_KEY: 'hunter2',
    METRICS_TOKEN: 'hunter2',
    PASSWORD_PEPPER: 'hunter2',
    GEMINI_API_KEY: 'hunter2',
    GEMINI_MODELS: ',',
  }
  for (const environment of [broken, { ...broken, JWT_SECRET: SECRET }]) {
    const lines = faultsOf(environment)
    t.ok(lines.length > 0)
    t.notMatch(lines.join('\n'), /hunter2|k9#/)
    for (const line of lines) t.match(line, /^[A-Z_]+: [^\n]+$/)
  }
  t.match(faultsOf({ DATABASE_URL: 'mysql://maeum:hunter2@db/maeum' }), [
    /^DATABASE_URL: the database address does not start with postgres:\/\/.* \(for example DATABASE_URL=postgresql:/,
  ])
})

t.test('.env.example names every variable and is a valid file when uncommented', async (t) => {
  const text = renderEnvironmentExample()
  for (const name of VARIABLE_NAMES) t.match(text, new RegExp(`^# ${name}=`, 'm'), name)
  const standards = VARIABLE_NAMES.filter((name) => getRule(name).default !== undefined)
  const uncommented = Object.fromEntries(
    standards.map((name) => [name, new RegExp(`^# ${name}=(.*)$`, 'm').exec(text)?.[1] ?? '']),
  )
  t.same(readConfig(uncommented), readConfig({}))
})
