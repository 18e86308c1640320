import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { CompiledTest } from './compile.ts'
import type { Report } from './report.ts'

/** A file without activity for this time prints its open handles and ends. */
const TIMEOUT_S = 600
/** A file that does not end is killed after this time. */
const KILL_AFTER_MS = 20 * 60_000

type Options = {
  readonly tests: readonly CompiledTest[]
  /** Number of concurrent files. */
  readonly jobs: number
  readonly env: NodeJS.ProcessEnv
  readonly nodeArgs: readonly string[]
  readonly report: Report
  /** No further file is started after it aborts. */
  readonly signal: AbortSignal
}

async function runTest({ name, program }: CompiledTest, { env, nodeArgs, report }: Options): Promise<void> {
  const startedAt = performance.now()
  const { parser, close } = report.file(name)
  const child = spawn(process.execPath, ['--enable-source-maps', ...nodeArgs, program], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, TAP_TIMEOUT: String(TIMEOUT_S) },
  })
  const late = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => parser.write(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null] // as Node documents it
  clearTimeout(late)
  close({ name, ms: performance.now() - startedAt, code, signal, stderr })
}

/**
 * Runs each file in its own process, several at a time. Every second runner starts from the end: files that wait (at the
 * start) run beside files that compute.
 */
export async function runTests(options: Options): Promise<void> {
  const waiting = [...options.tests]
  const work = async (runner: number) => {
    const take = () => (runner % 2 === 0 ? waiting.shift() : waiting.pop())
    for (let test = take(); test !== undefined; test = take()) {
      if (options.signal.aborted) return
      await runTest(test, options)
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, (_, runner) => work(runner)))
}
