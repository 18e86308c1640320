import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { connect, createAccount, startSession, startTestApp } from './helpers/app.ts'
import { builtModule } from './helpers/built.ts'
import { createTestDatabase } from './helpers/database.ts'
import { temporaryFolder } from './helpers/server-process.ts'

/** The command-line tools as in the image: `node dist/audit.js`. */

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SECRET = 'a secret for tests, of more than 32 characters'

async function run(t: Test, tool: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [builtModule(tool), ...args], {
    cwd: await temporaryFolder(t),
    env: { PATH: process.env['PATH'], JWT_SECRET: SECRET, ...env },
  })
  const output = { out: '', err: '' }
  child.stdout.on('data', (text: Buffer) => (output.out += text.toString()))
  child.stderr.on('data', (text: Buffer) => (output.err += text.toString()))
  const [code] = (await once(child, 'close')) as [number | null] // null when a signal ended it
  return { code, out: output.out.trim().split('\n'), err: output.err.trim().split('\n') }
}

const KEY = `2026a:${Buffer.alloc(32, 7).toString('base64')}`
const TOOLS: [tool: string, args: string[], env: Record<string, string>][] = [
  ['audit', ['--verify'], {}],
  ['migrate', [], {}],
  ['reencrypt', [], { DATA_KEYS: KEY }],
  ['replay', ['--session', 'sess_1'], {}],
  ['retain', [], { RETENTION_DAYS: '30' }],
]

for (const [tool, args, env] of TOOLS) {
  t.test(`${tool} ends with one line on failure`, async (t) => {
    const away = { ...env, DATABASE_URL: 'postgres://maeum:hunter2@127.0.0.1:1/maeum' }
    const { code, err } = await run(t, tool, args, away)
    t.equal(code, 2)
    t.match(err, [/^postgres at 127\.0\.0\.1:1\/maeum.*ECONNREFUSED.*DATABASE_URL/])
    t.equal(err.length, 1)
    t.notMatch(err.join(), 'hunter2')

    const wrong = await run(t, tool, args, { ...away, DATABASE_POOL_MAX: 'many' })
    t.match(wrong, { code: 2, err: [/^DATABASE_POOL_MAX: must be/] })
    t.equal(wrong.err.length, 1)
  })
}

t.test('every tool has a script, and the image contains the files of the scripts', (t) => {
  const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
    scripts: Record<string, string>
  }
  const image =
    readFileSync(`${ROOT}Dockerfile`, 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? ''
  for (const [tool] of TOOLS) {
    const script = scripts[tool === 'migrate' ? 'db:migrate' : tool] ?? ''
    t.match(script, new RegExp(` && node dist/${tool}\\.js$`))
    for (const [, file = ''] of script.matchAll(/node (scripts\/\S+)/g)) t.match(image, `COPY ${file}`)
  }
  t.end()
})

t.test('migrations are applied by command, with the reason for a failure', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const first = await run(t, 'migrate', [], { DATABASE_URL: database.url })
  t.match(first, { code: 0 })
  t.equal(first.out[0], 'applied 0000_init')
  t.match(await run(t, 'migrate', [], { DATABASE_URL: database.url }), { code: 0, out: ['nothing to apply'] })

  await database.sql`drop schema drizzle cascade`
  await database.sql`drop table tickets`
  const refused = await run(t, 'migrate', [], { DATABASE_URL: database.url })
  t.match(refused, { code: 2, err: [/^the database already has tables of these names/] })
})

t.test('expired data is erased by command', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const account = await createAccount(server)
  const old = await startSession(server, account)
  const socket = await connect(t, old.wsUrls.session)
  await server.app.inject({
    method: 'POST',
    url: `/api/session/${old.sessionId}/end`,
    headers: { authorization: `Bearer ${account.accessToken}` },
  })
  await socket.closed
  const young = await startSession(server, account)
  await server.app.close()
  await database.sql`
    update sessions set started_at = now() - interval '40 days', ended_at = now() - interval '40 days'
    where id = ${old.sessionId}`
  const { code, out } = await run(t, 'retain', [], {
    DATABASE_URL: database.url,
    RETENTION_DAYS: 'sessions=30',
  })
  t.equal(code, 0)
  t.same(out, ['erased: 1 sessions'])
  t.same(await database.sql`select id from sessions`, [{ id: young.sessionId }])
})
