import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { bundle } from '../client/bundled.ts'
import { runProgram } from '../helpers/cli.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { blocksOf, readText, ROOT } from '../helpers/markdown.ts'
import { startProcess, temporaryFolder } from '../helpers/server-process.ts'
import { splitCommands } from '../helpers/shell-words.ts'

const run = promisify(execFile)

t.setTimeout(5 * 60_000)

/** The steps of the tutorial that need the internet, are built here in another way, or have a test of their own. */
const NOT_RUN = ['git clone', 'cd maeum', 'npm ci', 'npm run demo', 'npm run build:client']

const blocks = blocksOf('docs/tutorial.md')
const shell = blocks.filter(({ info }) => info === 'sh').flatMap(({ code }) => splitCommands(code))
const linesOf = (program: string, ...first: readonly string[]) =>
  shell.filter((command) => command.program === program && first.every((word, i) => command.args[i] === word))

/** The folder of a reader: the packages that the program imports, and the recorded face. */
async function prepareFolder(folder: string): Promise<void> {
  const client = join(folder, 'node_modules/maeum')
  mkdirSync(join(client, 'dist/client'), { recursive: true })
  writeFileSync(join(client, 'package.json'), readText('package.json'))
  writeFileSync(join(client, 'dist/client/index.js'), (await bundle({ minify: false, format: 'esm' })).code)
  symlinkSync(join(ROOT, 'node_modules/ws'), join(folder, 'node_modules/ws'))
  symlinkSync(join(ROOT, 'demo'), join(folder, 'demo'))
}

const skip =
  spawnSync('curl', ['--version']).status !== 0 &&
  '!!! curl is not installed: the tutorial is NOT TESTED here'

t.test('a reader of the tutorial gets from an account to a report', { skip }, async (t) => {
  const database = await createTestDatabase(t)
  const folder = await temporaryFolder(t)
  await prepareFolder(folder)
  const env = {
    DATABASE_URL: database.url,
    JWT_SECRET: 'a secret for tests, of more than 32 characters',
    ANALYSIS_INTERVAL_MS: '2000', // the tutorial says ten seconds
  }
  const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
  t.equal(linesOf('npm', 'start').length, 1)
  t.equal(scripts['start'], 'node dist/main.js', 'npm start runs what is started here')
  const server = startProcess(t, folder, { HOST: '127.0.0.1', ...env })
  const address = `127.0.0.1:${await server.listening()}`

  const [ready, signup] = await Promise.all(
    linesOf('curl').map(async ({ args }) => {
      const { stdout } = await run(
        'curl',
        args.map((arg) => arg.replace('localhost:8000', address)),
      )
      return stdout
    }),
  )
  t.match(ready, /^\{"status":"ready"/)
  t.match(JSON.parse(signup ?? ''), { success: true, data: { user: { username: 'haneul' } } })

  const [program] = blocks.filter(({ info }) => info === 'js')
  const [command] = linesOf('node')
  const file = command?.args[0] ?? ''
  t.match(readText('docs/tutorial.md'), `as \`${file}\``)
  writeFileSync(join(folder, file), (program?.code ?? '').replace('localhost:8000', address))
  const { stdout } = await run(process.execPath, [file], { cwd: folder, timeout: 120_000 })
  t.match(stdout, /^window 1: \w+, confidence [\d.]+\nwindow 2: \w+, confidence [\d.]+\n/)
  t.match(stdout, /keyObservations: \[/)
  t.equal(readFileSync(join(folder, 'report.pdf')).subarray(0, 5).toString(), '%PDF-')

  const operator = linesOf('npm', 'run', 'maeum', '--').map(({ args }) => args.slice(3))
  t.ok(operator.length > 1)
  for (const args of operator) {
    const { code, out } = await runProgram(t, args, env)
    t.ok(code === 0 || (args[0] === 'doctor' && code === 1), `maeum ${args.join(' ')}: ${out.join(' ')}`)
  }
  t.match((await runProgram(t, ['user', 'list'], env)).out.join('\n'), 'haneul@example.com')
})

t.test('every command of the tutorial is run, or is known not to be', async (t) => {
  const all = shell.map(({ program, args }) => [program, ...args].join(' '))
  const isRun = (line: string) => /^(curl |npm start$|node |npm run maeum -- )/.test(line)
  t.same(
    all.filter((line) => !isRun(line) && !NOT_RUN.some((known) => line.startsWith(known))),
    [],
  )
  for (const known of NOT_RUN)
    t.ok(
      all.some((line) => line.startsWith(known)),
      known,
    )
})
