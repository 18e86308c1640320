import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { transform } from 'esbuild'
import t from 'tap'
import { type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { COMMANDS } from '../../src/cli/commands.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { createTexts } from '../../src/cli/texts.ts'
import { VARIABLE_NAMES } from '../../src/config/variables.ts'
import { blocksOf, DOCUMENTS, readText, ROOT, spansOf } from '../helpers/markdown.ts'
import { type ShellCommand, splitCommands } from '../helpers/shell-words.ts'

type Manifest = { scripts: Record<string, string>; devDependencies: Record<string, string> }
const { scripts } = JSON.parse(readText('package.json')) as Manifest
type Operation = { requestBody?: { content: Record<string, { schema: TSchema }> } }
const { paths } = JSON.parse(readText('openapi.json')) as { paths: Record<string, Record<string, Operation>> }

/** The blocks of the surprises about libraries are run by their own scripts. */
const SHELL = DOCUMENTS.flatMap((path) => blocksOf(path)).filter(({ info }) => info === 'sh')
const whereIs = ({ document, line }: { document: string; line: number }) => `${document}:${line}`

/** What is wrong with a command line of `maeum`; it is parsed, not run. */
async function findMaeumFault(args: readonly string[]): Promise<string | undefined> {
  const terminal = { stdout: new PassThrough(), stderr: new PassThrough() }
  const texts = createTexts('en')
  const program = buildProgram(COMMANDS, { terminal, texts, run: async () => undefined })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return undefined
  } catch (error) {
    const { message, exitCode } = Object(error) as { message: string; exitCode?: number }
    return exitCode === 0 ? undefined : message
  }
}

function findNpmFault([command = '', ...args]: readonly string[]): string | undefined {
  const script = command === 'run' ? args[0] : ['start', 'test'].includes(command) ? command : undefined
  if (script !== undefined) return script in scripts ? undefined : `package.json has no script ${script}`
  return ['audit', 'ci', 'install', 'pack', 'prune', 'run'].includes(command)
    ? undefined
    : `npm ${command} is not known`
}

function findNodeFault(args: readonly string[]): string | undefined {
  const program = args.find((arg) => !arg.startsWith('-'))
  if (args.includes('-e') || args.includes('--eval') || program === undefined) return undefined
  const isMade = MADE_BY_READER.has(program)
  const source = program.replace(/^dist\/(.*)\.js$/, 'src/$1.ts')
  return isMade || existsSync(join(ROOT, source)) ? undefined : `${program} does not exist`
}

/** Files that a document asks its reader to write. */
const MADE_BY_READER = new Set(['first-session.mjs'])

const SERVED = [/^\/metrics$/, /^\/docs(\/|$)/, /^\/console(\/|$)/, /^\/$/]

/** The request of a curl command on the server of this project. */
function findCurlFault(args: readonly string[]): string | undefined {
  const after = (...names: string[]) => args[args.findIndex((arg) => names.includes(arg)) + 1]
  const has = (...names: string[]) => args.some((arg) => names.includes(arg))
  const url = args.find((arg) => /^(https?:\/\/)?localhost:\d+/.test(arg))
  if (url === undefined) return undefined
  const path = url.replace(/^(https?:\/\/)?localhost:\d+/, '').replace(/\?.*$/, '') || '/'
  const method = has('-X', '--request') ? after('-X', '--request') : has('-d', '--data') ? 'POST' : 'GET'
  const known = Object.keys(paths).find((route) =>
    new RegExp(`^${route.replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
  )
  const operation = paths[known ?? '']?.[String(method).toLowerCase()]
  if (operation === undefined)
    return SERVED.some((served) => served.test(path)) ? undefined : `${method} ${path} is not a route`
  if (!has('-d', '--data')) return undefined
  const schema = operation.requestBody?.content['application/json']?.schema
  const isFit =
    schema !== undefined && Compile(Type.Unsafe(schema)).Check(JSON.parse(after('-d', '--data') ?? ''))
  return isFit ? undefined : `${method} ${path}: the body does not fit its schema`
}

/** Programs of other projects: their arguments are not known here, but the files that they name are. */
const OTHERS = new Set(
  (
    'git cd cp install openssl docker kubectl fly gh journalctl systemctl psql pg_dump pg_restore chmod ' +
    'createdb createuser dropdb postgres haproxy nginx promtool prometheus patronictl curl tar gzip gunzip zcat sha256sum mkdir export set ls ' +
    'cat echo umask mv rm ssh scp rsync jq sleep systemd-run crontab apt-get sudo'
  ).split(' '),
)

/** Files of the repository, from the root or from the folder that `cd` has gone to. */
function findFileFault({ args }: ShellCommand, folder: string): string | undefined {
  const named = args.filter((arg) => /^(deploy|drizzle|docs|scripts|src|bench)\/[\w./-]+$/.test(arg))
  const missing = named.find((arg) => !existsSync(join(ROOT, folder, arg)) && !/secret\.env$/.test(arg))
  return missing === undefined ? undefined : `${missing} does not exist`
}

/** What is wrong with a command; undefined if it can be run. */
async function findFault(command: ShellCommand, folder: string): Promise<string | undefined> {
  const { program, args } = command
  if (program === undefined) return undefined
  const separated = args.slice(args.indexOf('--') + 1)
  if (program === 'maeum') return findMaeumFault(args)
  if (program === 'npm' && args[1] === 'maeum') return findMaeumFault(args.includes('--') ? separated : [])
  if (program === 'npm') return findNpmFault(args)
  if (program === 'npx' && args[0] === 'maeum') return findMaeumFault(args.slice(1))
  if (program === 'npx')
    return existsSync(join(ROOT, 'node_modules/.bin', args[0] ?? '')) ? undefined : `no program ${args[0]}`
  if (program === 'node' && args[0] === 'dist/cli/main.js') return findMaeumFault(args.slice(1))
  if (program === 'node') return findNodeFault(args)
  if (program === 'curl') return findCurlFault(args)
  if (program.startsWith('./') || program.startsWith('.ci/'))
    return existsSync(join(ROOT, program)) ? undefined : `${program} does not exist`
  return OTHERS.has(program) ? findFileFault(command, folder) : `${program} is not a known program`
}

/** Variables of a shell example: those of the server, and those that the example sets for itself. */
const OWN_VARIABLES = /^(BENCH_\w+|ETCD_\w+|MAEUM_\w+|FORMER_DATABASE_URL|TOKEN|WS_URL|NODE_OPTIONS|PG\w+)$/

const findVariableFault = ({ assignments }: ShellCommand): string | undefined => {
  const names = assignments.map((assignment) => assignment.replace(/=.*$/s, ''))
  const unknown = names.find(
    (name) => !VARIABLE_NAMES.some((known) => known === name) && !OWN_VARIABLES.test(name),
  )
  return unknown === undefined ? undefined : `${unknown} is not a variable of the server`
}

/** A usage line such as `maeum export <user> [options]`, which the program prints too. */
const USAGE = /^maeum .*\[options\]$/m

t.test('every shell block is correct shell', async (t) => {
  t.ok(SHELL.length > 20)
  for (const { code, ...block } of SHELL) {
    const input = code.replace(USAGE, '')
    const check = () => execFileSync('bash', ['-n'], { input, stdio: ['pipe', 'ignore', 'pipe'] })
    t.doesNotThrow(check, whereIs(block))
  }
})

t.test('every command of a shell block exists, with its options and files', async (t) => {
  let count = 0
  for (const block of SHELL) {
    let folder = ''
    for (const command of splitCommands(block.code.replace(USAGE, ''))) {
      t.equal(
        await findFault(command, folder),
        undefined,
        `${whereIs(block)}: ${command.program} ${command.args.join(' ')}`,
      )
      t.equal(findVariableFault(command), undefined, whereIs(block))
      if (command.program === 'cd' && existsSync(join(ROOT, command.args[0] ?? '')))
        folder = command.args[0] ?? ''
      count++
    }
  }
  t.ok(count > 100, `${count} commands`)
})

t.test('every command within a sentence exists', async (t) => {
  const GROUPS = new Set(COMMANDS.map(({ name }) => name.split(' ')[0]))
  let count = 0
  for (const document of DOCUMENTS.filter((path) => path !== 'CHANGELOG.md')) {
    for (const span of spansOf(readText(document))) {
      if (!/^(maeum|npm|npx|node|NODE_\w+=\S+|curl) /.test(span)) continue
      const [command] = splitCommands(span.replaceAll('…', 'x'))
      if (command === undefined) continue
      const { program, args } = command
      // `maeum user …` and `maeum keys status`, `rotate` name a group; `maeum backup FILE` has a placeholder.
      const isName = program === 'maeum' && COMMANDS.some(({ name }) => name === args.join(' '))
      const isGroup =
        program === 'maeum' && GROUPS.has(args[0] ?? '') && (args.length === 1 || args[1] === 'x')
      count += isName ? 1 : 0
      if (isName || isGroup || args.includes('x')) continue
      const fault = await findFault(command, '')
      // A sentence names a command and an option of it, without the arguments.
      t.equal(
        /missing required argument/.test(fault ?? '') ? undefined : fault,
        undefined,
        `${document}: ${span}`,
      )
      count++
    }
  }
  t.ok(count > 50, `${count} commands`)
})

t.test('every block of JavaScript is correct', async (t) => {
  const blocks = DOCUMENTS.flatMap((path) => blocksOf(path)).filter(({ info }) => ['js', 'ts'].includes(info))
  t.ok(blocks.length > 10)
  for (const block of blocks)
    await t.resolves(transform(block.code, { loader: 'ts', logLevel: 'silent' }), whereIs(block))
})

t.test('every block of JSON is correct', async (t) => {
  const blocks = DOCUMENTS.flatMap((path) => blocksOf(path)).filter(
    ({ info }) => info.split(' ')[0] === 'json',
  )
  t.ok(blocks.length > 2)
  for (const block of blocks.filter(({ code }) => !code.includes('…'))) {
    const values = block.code.trim().split(/\n(?=\{)/)
    for (const value of values) t.doesNotThrow(() => JSON.parse(value), whereIs(block))
  }
})

t.test('wrong commands are found', async (t) => {
  const faultOf = async (line: string) => {
    const [command] = splitCommands(line)
    return command && ((await findFault(command, '')) ?? findVariableFault(command))
  }
  for (const line of [
    'maeum user lst',
    'maeum user list --rolle user',
    'maeum user list --role king',
    'npm run maeum -- doctr',
    'npm run nothing',
    'npm frob',
    'npx nothing',
    'node dist/nothing.js',
    'node dist/cli/main.js nothing',
    'curl -s localhost:8000/api/nothing',
    'curl -s -X DELETE localhost:8000/api/auth/signup',
    `curl -s localhost:8000/api/auth/signup -d '{"username":"a"}'`,
    'DATABASE_ULR=x npm start',
    'cp deploy/nothing /tmp',
    'frobnicate --all',
  ])
    t.not(await faultOf(line), undefined, line)
  for (const line of [
    'maeum user list --role user --json   # a comment',
    'npm run maeum -- doctor',
    'DATABASE_URL=x npm start',
    `curl -s localhost:8000/api/auth/signup -d '{"username":"haneul","email":"a@example.com","password":"password123"}'`,
  ])
    t.equal(await faultOf(line), undefined, line)
})

t.test('a script is split as a shell does', async (t) => {
  t.same(splitCommands(`A=1 B='x y' run "a b" c\\\n d > out.txt && next # no\nlast $(date +%s)`), [
    { assignments: ['A=1', 'B=x y'], program: 'run', args: ['a b', 'c', 'd'] },
    { assignments: [], program: 'next', args: [] },
    { assignments: [], program: 'last', args: ['$(date +%s)'] },
  ])
})
