import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough, Readable, Writable } from 'node:stream'
import type { Test } from 'tap'
import { Compile } from 'typebox/compile'
import { COMMANDS } from '../../src/cli/commands.ts'
import { runCli } from '../../src/cli/run.ts'
import { builtModule } from './built.ts'
import type { TestDatabase } from './database.ts'
import { temporaryFolder } from './server-process.ts'

export const SECRET = 'a secret for tests, of more than 32 characters'

export type Result = {
  readonly code: number | null
  /** Lines. */
  readonly out: string[]
  readonly err: string[]
}

type Options = {
  readonly env?: Readonly<Record<string, string>>
  /** The content of standard input, which is not a terminal then. */
  readonly input?: string
  /** Lines that are typed on a terminal, each when its prompt is shown. */
  readonly typed?: readonly (readonly [prompt: string, line: string])[]
}

const toLines = (text: string): string[] => (text === '' ? [] : text.trimEnd().split('\n'))

function collect(onText: (text: string) => void = () => undefined) {
  let text = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      onText(text)
      done()
    },
  })
  return { stream, getText: () => text }
}

/** A terminal, which echoes what is typed unless it is in raw mode at that moment. */
function createKeyboard(typed: NonNullable<Options['typed']>) {
  const waiting = [...typed]
  let isRaw = false
  const setRawMode = (on: boolean) => {
    isRaw = on
  }
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode })
  const stderr = collect((shown) => {
    const [prompt, line] = waiting[0] ?? []
    if (prompt === undefined || line === undefined || !shown.includes(prompt)) return
    waiting.shift()
    if (!isRaw) stderr.stream.write(line)
    setImmediate(() => stdin.write(`${line}\r`))
  })
  return { stdin, stderr }
}

/** Runs a command in this process on the database. */
export async function cli(
  database: Pick<TestDatabase, 'url'>,
  args: readonly string[],
  { env = {}, input = '', typed }: Options = {},
): Promise<Result> {
  const stdout = collect()
  const keyboard = typed === undefined ? undefined : createKeyboard(typed)
  const stderr = keyboard?.stderr ?? collect()
  const code = await runCli(COMMANDS, args, {
    environment: { NODE_ENV: 'test', DATABASE_URL: database.url, JWT_SECRET: SECRET, ...env },
    stdin: keyboard?.stdin ?? Readable.from([input]),
    stdout: stdout.stream,
    stderr: Object.assign(stderr.stream, { isTTY: keyboard !== undefined }),
  })
  return { code, out: toLines(stdout.getText()), err: toLines(stderr.getText()) }
}

/** The document of `--json`, which must fit the schema of the command. */
export async function cliJson<Document>(
  t: Pick<Test, 'ok' | 'equal'>,
  database: Pick<TestDatabase, 'url'>,
  args: readonly string[],
  options: Options = {},
): Promise<Document & { readonly exit: number | null }> {
  const { code, out, err } = await cli(database, [...args, '--json'], options)
  t.equal(out.length, 1, `one document; ${err.join(' ')}`)
  const document = JSON.parse(out[0] ?? 'null') as Document // compared with its schema
  const command = COMMANDS.find(({ name }) => args.join(' ').startsWith(name))
  const isFitting = command?.result != null && Compile(command.result).Check(document)
  t.ok(isFitting, `${command?.name ?? ''} prints what its schema says: ${out[0] ?? ''}`)
  return { ...document, exit: code }
}

/** Runs the compiled program, as an operator does, with these variables alone. No process reads the `unread` stream. */
export async function runProgram(
  t: Pick<Test, 'teardown'>,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  unread?: 'stdout' | 'stderr',
): Promise<Result> {
  const child = spawn(process.execPath, [builtModule('cli/main'), ...args], {
    cwd: await temporaryFolder(t),
    env: { PATH: process.env['PATH'], JWT_SECRET: SECRET, ...env },
  })
  child.stdin.end()
  if (unread !== undefined) child[unread].destroy()
  const output = { out: '', err: '' }
  child.stdout.on('data', (text: Buffer) => (output.out += text.toString()))
  child.stderr.on('data', (text: Buffer) => (output.err += text.toString()))
  const [code] = (await once(child, 'close')) as [number | null] // null when a signal ended it
  return { code, out: toLines(output.out), err: toLines(output.err) }
}
