import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { VERSION } from '../../src/version.ts'
import { runProgram, SECRET } from '../helpers/cli.ts'
import { createTestDatabase } from '../helpers/database.ts'

/** The compiled program, `node dist/cli/main.js`, as in the image. */

const AWAY = 'postgres://maeum:hunter2@127.0.0.1:1/maeum'
const KEY = Buffer.alloc(32, 7).toString('base64')
const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  scripts: Record<string, string>
  bin: Record<string, string>
}

t.test('the program prints its version and its help', async (t) => {
  t.match(await runProgram(t, ['--version']), { code: 0, out: [VERSION], err: [] })
  const help = await runProgram(t, ['--help'])
  t.match(help, { code: 0, err: [] })
  t.match(help.out[0], 'Usage: maeum')
})

t.test('a reader that closes the pipe ends the command without a message and with exit code 2', async (t) => {
  for (const [stream, args] of [
    ['stdout', ['--help']],
    ['stderr', ['nothing']],
  ] as const) {
    const { code, out, err } = await runProgram(t, args, {}, stream)
    t.same({ code, out, err }, { code: 2, out: [], err: [] }, stream)
  }
})

t.test('a command that cannot run ends with one line, without a secret', async (t) => {
  const { code, out, err } = await runProgram(t, ['keys', 'rotate', '--json'], {
    DATABASE_URL: AWAY,
    DATA_KEYS: `2026a:${KEY}`,
  })
  t.equal(code, 2)
  t.match(err, [/^postgres at 127\.0\.0\.1:1\/maeum.*ECONNREFUSED.*DATABASE_URL/])
  t.equal(err.length, 1)
  t.same(JSON.parse(out.join('\n')), { error: { messages: err } })
  for (const secret of ['hunter2', KEY, SECRET]) t.notOk([...out, ...err].join('\n').includes(secret))

  const wrong = await runProgram(t, ['user', 'list'], { DATABASE_POOL_MAX: 'many' })
  t.match(wrong, { code: 2, out: [], err: [/^DATABASE_POOL_MAX: must be/] })
  t.equal(wrong.err.length, 1)
})

t.test('without settings and without an embedded database no command creates one', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'maeum.backup')
  for (const line of [['migrate'], ['user', 'list'], ['keys', 'status'], ['backup', '--out', file]]) {
    const { code, out, err } = await runProgram(t, line, { DATA_DIR: folder })
    t.match(
      { code, out, err },
      { code: 2, out: [], err: [/^DATABASE_URL is not set, and there is no embedded/] },
    )
  }
  t.same(readdirSync(folder), [])
})

t.test('a server that cannot start ends with one line and exit code 2', async (t) => {
  const { code, err } = await runProgram(t, ['start'], { DATABASE_POOL_MAX: 'many' })
  t.match({ code, err }, { code: 2, err: [/^DATABASE_POOL_MAX: must be/] })
})

t.test('findings are exit code 1', async (t) => {
  const { url, sql } = await createTestDatabase(t)
  await sql`alter table audit_log disable trigger user`
  const { code, out } = await runProgram(t, ['audit', 'verify', '--json'], { DATABASE_URL: url })
  t.equal(code, 1)
  t.match(JSON.parse(out.join('\n')), { guarded: false, faults: 1 })
})

t.test('the program applies migrations before a deployment', async (t) => {
  const { url } = await createTestDatabase(t)
  t.match(await runProgram(t, ['migrate'], { DATABASE_URL: url }), { code: 0, out: ['nothing to apply'] })
})

t.test('npm scripts call the program, and the image contains their files', (t) => {
  const image =
    readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? ''
  t.equal(manifest.bin['maeum'], 'dist/cli/main.js')
  for (const [script, command] of [
    ['db:migrate', 'migrate'],
    ['audit', 'audit verify'],
    ['reencrypt', 'keys reencrypt'],
    ['retain', 'retention run'],
    ['replay', 'replay'],
  ] as const) {
    const line = manifest.scripts[script] ?? ''
    t.ok(line.endsWith(` && node dist/cli/main.js ${command}`), script)
    for (const [, file = ''] of line.matchAll(/node (scripts\/\S+)/g)) t.match(image, `COPY ${file}`)
  }
  t.end()
})
