import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { openDatabase, waitForDatabase } from '../../src/db/client.ts'
import { migrate } from '../../src/db/migrate.ts'
import { verifySchema } from '../../src/db/verify.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { MIGRATIONS } from '../helpers/test-server.ts'

const PORT = 6432

function findPgbouncer(): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return directories
    .map((directory) => join(directory, 'pgbouncer'))
    .find((path) => {
      try {
        accessSync(path)
        return true
      } catch {
        return false
      }
    })
}

/** A transaction pooler of two server connections in front of a database, on a unix socket; resolves with its URL. */
async function startPooler(t: Test, program: string, socketDir: string, database: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'maeum-pooler-'))
  await chmod(folder, 0o777)
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const settings = `[databases]
app = host=${socketDir} port=5432 user=maeum dbname=${database}
[pgbouncer]
listen_addr =
listen_port = ${PORT}
unix_socket_dir = ${folder}
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
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
      return `postgres://anyone@/app?host=${encodeURIComponent(folder)}&port=${PORT}`
  }
  throw new Error('pgbouncer ended')
}

const program = findPgbouncer()
const skip =
  program === undefined &&
  'PGBOUNCER IS NOT INSTALLED: boots and queries through a transaction pooler are NOT TESTED here'

t.test('behind a transaction pooler', { skip }, async (t) => {
  const { socketDir, sql } = await createTestDatabase(t, { migrated: false })
  const [row] = await sql<{ name: string }[]>`select current_database() as name`
  const url = await startPooler(t, program ?? '', socketDir, row?.name ?? '')
  const open = async () => {
    const database = await openDatabase({ url, dataDir: '.data', poolMax: 5 })
    t.teardown(() => database.close())
    return database
  }

  t.test('eight processes boot at once', async (t) => {
    const applied = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const database = await open()
        await waitForDatabase(database, { deadlineMs: 10_000 })
        const report = await migrate(database, { folder: MIGRATIONS, apply: true })
        t.same(await verifySchema(database.sql), [])
        return report.applied.length
      }),
    )
    t.equal(applied.filter((count) => count > 0).length, 1, 'one of them migrates')
  })

  t.test(
    'two hundred parallel queries and transactions are answered, each with its own answer',
    async (t) => {
      const database = await open()
      t.match(database.description, /transaction pooler$/)
      const answers = await Promise.all(
        Array.from({ length: 200 }, async (_, index) => {
          if (index % 4 > 0) return (await database.sql`select ${index}::int as answer`)[0]?.answer
          return database.sql.begin(async (tx) => (await tx`select ${index}::int as answer`)[0]?.answer)
        }),
      )
      t.same(
        answers,
        answers.map((_, index) => index),
      )
    },
  )
})
