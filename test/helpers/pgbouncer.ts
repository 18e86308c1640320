import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { findProgram } from './find-program.ts'

/** The program of this system, if it has one. */
export const findPgbouncer = () => findProgram('pgbouncer')

type Pooled = {
  readonly program: string
  /** The directory of the socket of Postgres, which listens at 5432 or at `upstreamPort`. */
  readonly socketDir: string
  readonly upstreamPort?: number
  readonly database: string
  /** Part of the name of its own socket. */
  readonly port: number
  /** More lines of its configuration. */
  readonly more?: string
}

/** A transaction pooler of two server connections in front of a database, on a unix socket; resolves with its URL. */
export async function startPgbouncer(t: Pick<Test, 'teardown'>, options: Pooled): Promise<string> {
  const { program, socketDir, upstreamPort = 5432, database, port, more = '' } = options
  const folder = await mkdtemp(join(tmpdir(), 'maeum-pooler-'))
  await chmod(folder, 0o777)
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const settings = `[databases]
app = host=${socketDir} port=${upstreamPort} user=maeum dbname=${database}
[pgbouncer]
listen_addr =
listen_port = ${port}
unix_socket_dir = ${folder}
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
${more}
`
  await writeFile(join(folder, 'pgbouncer.ini'), settings)
  // It refuses to run as root, as Postgres does, and the server's socket is open to the server's account.
  const account = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const child = spawn(program, [join(folder, 'pgbouncer.ini')], {
    ...account,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  for await (const line of createInterface(child.stderr)) {
    if (line.includes('process up'))
      return `postgres://anyone@/app?host=${encodeURIComponent(folder)}&port=${port}`
  }
  throw new Error('pgbouncer ended')
}
