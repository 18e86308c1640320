import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import process from 'node:process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Cores, type Place, takeCores } from './cores.ts'
import { type BenchDatabase, startDatabases } from './database.ts'
import { type MeasuredProcess, startMeasured } from './measured-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const REFERENCES = fileURLToPath(new URL('../reference', import.meta.url))

type Reference = 'parsing-server' | 'counting-server' | 'fastify-alone' | 'selecting-server'

/** Starts a server with these variables. */
export type StartServer = (env: Readonly<Record<string, string>>, place?: Place) => Promise<MeasuredProcess>

/** The environment of a bench: the compiled server, a database and references, and their cleanup. */
export type Stage = {
  readonly cores: Cores
  /** Folder for temporary files of the run. */
  readonly folder: string
  readonly root: string
  database(): Promise<BenchDatabase>
  /** The server of this project as it runs in production, with the local analyser. */
  readonly ours: StartServer
  /** The same of the checkout that `BENCH_BEFORE` names, to compare with; undefined without it. */
  readonly before: StartServer | undefined
  reference(name: Reference, place?: Place, env?: Readonly<Record<string, string>>): Promise<MeasuredProcess>
  /** Ends the processes of the last bench. */
  clear(): Promise<void>
  close(): Promise<void>
}

/** The folder of another checkout of this project, with its packages installed. */
const BEFORE = process.env['BENCH_BEFORE']

const ENVIRONMENT = {
  NODE_ENV: 'production',
  JWT_SECRET: 'a secret for benches, of more than 32 characters',
  RATE_LIMIT_MAX: '100000000',
  SOCKETS_PER_USER: '1000000',
  SOCKETS_PER_ADDRESS: '1000000',
}

export async function openStage(): Promise<Stage> {
  build(ROOT)
  if (BEFORE !== undefined) build(BEFORE)
  const cores = takeCores()
  const folder = await mkdtemp(join(tmpdir(), 'maeum-bench-'))
  await chmod(folder, 0o711) // an embedded Postgres under another user must be able to reach its folder
  const running: MeasuredProcess[] = []
  let databases: ReturnType<typeof startDatabases> | undefined
  let started = 0

  const start = async (
    what: { args: string[]; env: Readonly<Record<string, string>>; readyPath: string; cwd?: string },
    place: Place = 'server',
  ) => {
    const log = join(folder, `process-${++started}.log`)
    const measured = await startMeasured({ cwd: ROOT, ...what, log, prefix: cores.prefix(place) })
    running.push(measured)
    return measured
  }
  const startServer =
    (cwd: string): StartServer =>
    (env, place) =>
      start(
        {
          args: ['dist/main.js'],
          env: { ...ENVIRONMENT, ...env },
          readyPath: '/api/health/ready',
          cwd,
        },
        place,
      )
  const clear = async () => {
    await Promise.all(running.splice(0).map((measured) => measured.stop()))
  }

  return {
    cores,
    folder,
    root: ROOT,
    clear,
    database: async () => (await (databases ??= startDatabases(folder))).create(),
    ours: startServer(ROOT),
    before: BEFORE === undefined ? undefined : startServer(BEFORE),
    reference: (name, place, env = {}) =>
      start({ args: [join(REFERENCES, `${name}.mjs`)], env, readyPath: '/' }, place),
    async close() {
      await clear()
      await (await databases)?.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Benches measure the compiled server, as deployed. */
function build(cwd: string): void {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd, stdio: 'inherit' })
  if (status !== 0) throw new Error(`the server in ${cwd} does not compile`)
}
