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

/** More files than there are CPUs, up to this limit: many wait most of the time. */
const MAX_JOBS = 12
const JOBS_PER_CPU = 2.5

/** Files that wait most of the time, the longest first. */
const LONG = [
  /^test\/web\/console\./,
  /^test\/(faults\/database-outage|live\/model\/windows|plugins\/tracing|db\/embedded)\./,
  /^test\/(features\/(replay|ends)|deploy\/failover|boot)\./,
  /^test\/(web|faults)\//,
]
/**
 * Run first, in this order: a file that loads the machine to its limit, then files of several servers with short leases,
 * which a busy machine lets expire.
 */
const FIRST = [
  { files: /^test\/faults\/hostile\./, jobs: 1 },
  { files: /^test\/faults\/(lossy-failover\/scenarios|stopped-processes|restarts|instances)\./, jobs: 2 },
]
const rankOf = ({ name }: CompiledTest) => [...LONG, /^/].findIndex((pattern) => pattern.test(name))
const longFirst = (a: CompiledTest, b: CompiledTest) => rankOf(a) - rankOf(b)

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
const jobs = Number(values.jobs ?? Math.min(MAX_JOBS, Math.ceil(availableParallelism() * JOBS_PER_CPU)))

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
    let left = tests.toSorted(longFirst)
    for (const stage of [...FIRST, { files: /^/, jobs }]) {
      const isNow = ({ name }: CompiledTest) => stage.files.test(name)
      await runTests({ ...options, tests: left.filter(isNow), jobs: Math.min(jobs, stage.jobs) })
      left = left.filter((test) => !isNow(test))
    }
    const isCovered = (await coverage?.report(print)) ?? true
    if (!report.close() || !isCovered || interrupted.signal.aborted) process.exitCode = 1
  } finally {
    await server.stop()
  }
} finally {
  await coverage?.remove()
  await rm(folder, { recursive: true, force: true })
}
