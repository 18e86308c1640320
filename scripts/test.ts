import { spawnSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { SOCKET_VARIABLE, startTestServer } from '../test/helpers/test-server.ts'
import { type CompiledTest, compileTests } from './test/compile.ts'
import { createCoverage } from './test/coverage.ts'
import { createReport } from './test/report.ts'
import { runTests } from './test/run.ts'

// Compiles the tests once and runs them against one temporary Postgres: `npm test`, or `npm test --
// test/db/url.test.ts`. `--jobs 1` runs one file at a time, `--coverage` measures the coverage of all.

/** One file more than there are CPUs, up to this limit: many files wait half of the time. */
const MAX_JOBS = 8

/** Files of several processes: they wait most of the time, and are the longest. */
const LONG = /^test\/(web|faults)\//

/** Load the machine to its limit, or follow fifty scenarios at once: run first, each alone. */
const ALONE = /^test\/faults\/(hostile|lossy-failover\/scenarios)\./

const longFirst = (a: CompiledTest, b: CompiledTest) => Number(LONG.test(b.name)) - Number(LONG.test(a.name))

/** Tests start server processes and serve the console from their builds. */
function ensureBuilds(): void {
  const program = fileURLToPath(new URL('ensure-build.mjs', import.meta.url))
  const { status } = spawnSync(process.execPath, [program, 'server', 'console'], { stdio: 'inherit' })
  if (status !== 0) throw new Error('the server or the console could not be built')
}

const { values, positionals } = parseArgs({
  options: { jobs: { type: 'string' }, coverage: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const jobs = Number(values.jobs ?? Math.min(MAX_JOBS, availableParallelism() + 1))

// Ctrl-C also reaches the running tests; wait for their end, then clean up.
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())

ensureBuilds()
const { folder, tests } = await compileTests(positionals.length > 0 ? positionals : ['test'])
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const coverage = values.coverage ? await createCoverage(folder) : undefined
try {
  const server = await startTestServer()
  try {
    const report = createReport(print)
    const env = { [SOCKET_VARIABLE]: server.socketDir, ...coverage?.env }
    const options = { env, nodeArgs: coverage?.nodeArgs ?? [], report, signal: interrupted.signal }
    const isAlone = ({ name }: CompiledTest) => ALONE.test(name)
    await runTests({ ...options, tests: tests.filter(isAlone), jobs: 1 })
    const others = tests.filter((test) => !isAlone(test)).toSorted(longFirst)
    await runTests({ ...options, tests: others, jobs })
    const isCovered = (await coverage?.report(print)) ?? true
    if (!report.close() || !isCovered || interrupted.signal.aborted) process.exitCode = 1
  } finally {
    await server.stop()
  }
} finally {
  await coverage?.remove()
  await rm(folder, { recursive: true, force: true })
}
