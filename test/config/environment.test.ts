import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readConfig } from '../../src/config/config.ts'
import { findMisspeltVariables, readSettings, readSettingsFile } from '../../src/config/environment.ts'

const TEXT = "DATABASE_URL='postgres://maeum@db.example.com/maeum'\nPORT=9000\n"
const READ = { DATABASE_URL: 'postgres://maeum@db.example.com/maeum', PORT: '9000' }

t.test('a settings file means the same in every encoding that editors write', async (t) => {
  const forms: [name: string, bytes: Buffer][] = [
    ['UTF-8', Buffer.from(TEXT)],
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${TEXT}`)],
    ['UTF-16 little endian', Buffer.from(`\ufeff${TEXT}`, 'utf16le')],
    ['UTF-16 big endian', Buffer.from(`\ufeff${TEXT}`, 'utf16le').swap16()],
    ['CR LF', Buffer.from(TEXT.replaceAll('\n', '\r\n'))],
    ['export in front', Buffer.from(TEXT.replace('PORT', 'export PORT'))],
  ]
  const path = join(t.testdir(), 'settings')
  for (const [name, bytes] of forms) {
    await writeFile(path, bytes)
    t.same(readSettingsFile(path), READ, name)
  }
})

t.test('a settings file that is not text is refused by its name', async (t) => {
  const path = join(t.testdir(), 'settings')
  for (const bytes of [Buffer.from(TEXT, 'utf16le'), Buffer.from([0x50, 0x3d, 0xff, 0x0a])]) {
    await writeFile(path, bytes)
    t.throws(() => readSettingsFile(path), {
      message: `${path} is not UTF-8 text: save it in that encoding`,
    })
  }
  t.same(readSettingsFile(join(path, '..', 'missing')), {}, 'none at all is no fault')
})

t.test(
  'quotes that docker passes on do not count around an address, and are refused elsewhere',
  async (t) => {
    const url = 'postgres://maeum@db.example.com/maeum'
    for (const quote of ['"', "'"]) {
      t.match(readSettings({ DATABASE_URL: ` ${quote}${url}${quote} ` }), { DATABASE_URL: url })
      for (const name of ['JWT_SECRET', 'DATA_KEYS', 'PASSWORD_PEPPER', 'LOG_LEVEL'] as const)
        t.throws(
          () => readConfig(readSettings({ [name]: `${quote}a value${quote}` })),
          new RegExp(`${name}: has quotes around its value`),
        )
    }
    t.match(readSettings({ PASSWORD_PEPPER: `it's "x"` }), { PASSWORD_PEPPER: `it's "x"` })
  },
)

t.test('a misspelt variable is reported with the nearest name', async (t) => {
  const misspelt = {
    DATA_KEY: 'DATA_KEYS',
    REQUIRE_CONSENTS: 'REQUIRE_CONSENT',
    RETENTION_DAY: 'RETENTION_DAYS',
    WS_REQUIRE_TICKETS: 'WS_REQUIRE_TICKET',
    RATE_LIMT_MAX: 'RATE_LIMIT_MAX',
    DATABASE_URI: 'DATABASE_URL',
    GEMINI_TIMEOUT: 'GEMINI_TIMEOUT_MS',
  }
  for (const [name, meant] of Object.entries(misspelt))
    t.same(findMisspeltVariables({ [name]: '1' }), [
      `${name} is not a known variable: did you mean ${meant}?`,
    ])
  const usual = {
    HOME: '/',
    PATH: '/bin',
    TERM: 'x',
    PWD: '/',
    HOSTNAME: 'h',
    npm_config_cache: '/',
    DATABASE_URL: 'x',
  }
  t.same(findMisspeltVariables(usual), [])
  t.same(findMisspeltVariables({ DATABASE_URI: 'x', DATABASE_URL: 'x' }), [], 'the right one is set as well')
})
