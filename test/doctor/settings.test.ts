import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Machine } from '../../src/doctor/process.ts'
import { startTestApp } from '../helpers/app.ts'
import { type Expected, examine, expectFinding, statusOf } from './kit.ts'

type Planted = readonly [
  fault: string,
  settings: Readonly<Record<string, string>>,
  expected: Expected,
  machine?: Partial<Machine>,
]

const PRODUCTION = { NODE_ENV: 'production' }
const HTTPS = 'https://maeum.example.com'
const MB = 1024 ** 2

const PLANTED: readonly Planted[] = [
  [
    'a value of the wrong type',
    { DATABASE_POOL_MAX: 'many' },
    ['configuration', 'fail', /^DATABASE_POOL_MAX: must be a whole number/, /DATABASE_POOL_MAX=10/],
  ],
  [
    'a rule, beside a wrong type',
    { DATABASE_POOL_MAX: 'many', CRISIS_LINES: 'none' },
    ['configuration', 'fail', /^CRISIS_LINES: must be/, /for example/],
  ],
  [
    'quotes around a value',
    { DATA_DIR: '"/data"' },
    ['configuration', 'fail', /^DATA_DIR: has quotes around its value/, /for example/],
  ],
  [
    'no secret in production',
    { ...PRODUCTION, JWT_SECRET: '' },
    ['configuration', 'fail', /^JWT_SECRET: must be set/, /openssl/],
  ],
  [
    'a misspelt variable',
    { REQUIRE_CONSENTS: 'true' },
    ['configuration.names', 'warn', /REQUIRE_CONSENTS is not a known variable/, /mean REQUIRE_CONSENT\?/],
  ],
  [
    'protections that are off',
    {},
    ['configuration.protections', 'ok', /^encryption off, consent off, tickets off, retention off$/],
  ],
  [
    'a generated secret',
    { JWT_SECRET: '' },
    ['configuration.secret', 'ok', /^JWT_SECRET is not set: a generated one/],
  ],
  [
    'an old Node',
    {},
    ['node', 'fail', /Node 20\.18\.3: >=20\.19/, /upgrade Node/],
    { nodeVersion: '20.18.3' },
  ],
  [
    'a heap that does not fit into the memory',
    {},
    ['memory', 'warn', /1000 MB is high for 512 MB/, /--max-old-space-size=286/],
    { memory: 512 * MB, heapLimit: 1000 * MB },
  ],
  [
    'a full disk',
    { DATABASE_URL: '' },
    ['disk', 'fail', /only 20 MB free/, /DATA_DIR/],
    { findFreeSpace: async () => 20 * MB },
  ],
  [
    'a nearly full disk',
    { DATABASE_URL: '' },
    ['disk', 'warn', /only 500 MB free/, /DATA_DIR/],
    { findFreeSpace: async () => 500 * MB },
  ],
  ['a disk that is not used', {}, ['disk', 'ok', /not used/]],
  [
    'origins of development in production',
    PRODUCTION,
    ['web.cors', 'warn', /only origins on localhost/, /CORS_ORIGINS/],
  ],
  [
    'pages on https, the server on http',
    { PUBLIC_URL: 'http://maeum.example.com', CORS_ORIGINS: 'https://app.example.com' },
    ['web.cors', 'fail', /https:\/\/app\.example\.com use https/, /PUBLIC_URL/],
  ],
  [
    'a public address without TLS',
    { ...PRODUCTION, PUBLIC_URL: 'http://maeum.example.com' },
    ['web.public-url', 'warn', /http in production/, /https address/],
  ],
  ['no public address', PRODUCTION, ['web.public-url', 'warn', /not set in production/, /PUBLIC_URL/]],
  [
    'a proxy that is not trusted',
    { PUBLIC_URL: HTTPS },
    ['web.proxy', 'warn', /TRUST_PROXY is not set: all users share one address/, /number of proxies/],
  ],
  ['a trusted proxy', { PUBLIC_URL: HTTPS, TRUST_PROXY: '1' }, ['web.proxy', 'ok', /TRUST_PROXY is set/]],
  [
    'no server on this machine',
    {},
    ['web.server', 'ok', /no server is listening at .*:1\/api\/health\/ready/],
  ],
  ['no key', {}, ['model.key', 'ok', /only the local analyser/]],
]

t.test('each fault of settings and machine is found, with what to do', async (t) => {
  for (const [fault, settings, expected, machine = {}] of PLANTED) {
    await t.test(fault, async (t) => {
      expectFinding(t, await examine({ DATA_DIR: t.testdir({}), ...settings }, { machine }), expected)
    })
  }
})

t.test('a data directory that is a file is not writable', async (t) => {
  const folder = t.testdir({ file: '' })
  const findings = await examine({ DATABASE_URL: '', DATA_DIR: join(folder, 'file', 'data') })
  expectFinding(t, findings, ['disk', 'fail', /not writable/, /DATA_DIR/])
})

t.test('all faults of the settings are found at once, and what depends on them is skipped', async (t) => {
  const findings = await examine({
    LOG_LEVEL: "'debug'",
    DATABASE_POOL_MAX: '0',
    DATABASE_URL: 'mysql://u:hunter2@db/d',
    DATA_KEYS: 'none',
    GEMINI_MODELS: ',',
    GEMINI_API_KEY: 'AIzaSecret',
  })
  const faults = findings.filter(({ name }) => name === 'configuration')
  t.same(faults.map(({ cause }) => cause.slice(0, cause.indexOf(':'))).sort(), [
    'DATABASE_POOL_MAX',
    'DATABASE_URL',
    'DATA_KEYS',
    'GEMINI_MODELS',
    'LOG_LEVEL',
  ])
  expectFinding(t, findings, ['database.connection', 'skipped', /^DATABASE_URL is not valid$/])
  expectFinding(t, findings, ['database.schema', 'skipped', /^database\.connection has not succeeded$/])
  expectFinding(t, findings, ['model.key', 'skipped', /^GEMINI_MODELS is not valid$/])
  t.notMatch(JSON.stringify(findings), /hunter2|AIzaSecret/)
})

t.test('without DATABASE_URL nothing is created', async (t) => {
  const directory = t.testdir({})
  const findings = await examine({ DATABASE_URL: '', DATA_DIR: join(directory, 'data') })
  expectFinding(t, findings, ['database.connection', 'skipped', /created at the first start/])
  t.same(statusOf(findings, 'disk'), ['ok'])
})

t.test('a server that listens on this machine is asked for its readiness', async (t) => {
  const { origin, database } = await startTestApp(t)
  const settings = { PORT: new URL(origin).port, HOST: '127.0.0.1' }
  expectFinding(t, await examine(settings), ['web.server', 'ok', /is ready$/])
  await database.sql`alter table feedbacks rename to feedback_of_old`
  expectFinding(t, await examine(settings), [
    'web.server',
    'fail',
    /not ready: schema: table feedbacks: missing table/,
    /log of the server/,
  ])
})

t.test('another program at the port is reported', async (t) => {
  const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo // listening on TCP
  const findings = await examine({ PORT: String(port), HOST: '127.0.0.1' })
  expectFinding(t, findings, ['web.server', 'warn', /another program listens.*HTTP 200/, /another PORT/])
})
