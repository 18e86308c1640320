import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { startEmbedded } from '../../src/db/embedded.ts'
import { asAdmin } from '../helpers/test-server.ts'

const OWNER = fileURLToPath(new URL('../helpers/embedded-owner.ts', import.meta.url))

/** A folder that everybody may enter, removed with what is in it. */
async function openFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'maeum-embedded-'))
  await chmod(folder, 0o755)
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }))
  return folder
}

async function start(t: Test, dataDir: string, handoverDeadlineMs?: number) {
  const server = await startEmbedded({
    dataDir,
    durable: false,
    ...(handoverDeadlineMs !== undefined && { handoverDeadlineMs }),
  })
  t.teardown(() => server.stop())
  return server
}

/** Another process that owns the directory. */
function spawnOwner(t: Test, dataDir: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', OWNER, dataDir], {
    env: { ...process.env, NODE_OPTIONS: '' }, // the hooks of the test runner stay here
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)
  return { kill, ready: once(createInterface(child.stdout), 'line') }
}

const insertNote = (socketDir: string) =>
  asAdmin(socketDir, 'postgres', async (sql) => {
    await sql`create table notes (text text)`
    await sql`insert into notes values ('kept')`
  })
const readNotes = (socketDir: string) =>
  asAdmin(socketDir, 'postgres', async (sql) =>
    (await sql<{ text: string }[]>`select text from notes`).map((r) => r.text),
  )

t.test('the first start makes the data directory and a later one finds the rows', async (t) => {
  const dataDir = join(await openFolder(t), 'deep', 'below', 'pg')
  const first = await start(t, dataDir)
  t.match(first, { dataDir, user: 'maeum', database: 'postgres', version: /^\d+\.\d+/ })
  await insertNote(first.socketDir)
  await first.stop()
  t.equal(await first.exited, undefined, 'an asked-for end is no incident')
  await t.rejects(readdir(first.socketDir), { code: 'ENOENT' }, 'its socket directory is removed')

  const second = await start(t, dataDir)
  t.same(await readNotes(second.socketDir), ['kept'])
})

t.test('the server listens on its socket only', async (t) => {
  const { socketDir } = await start(t, join(await openFolder(t), 'pg'))
  const [row] = await asAdmin(socketDir, 'postgres', (sql) => sql`show listen_addresses`)
  t.same(row, { listen_addresses: '' })
  t.ok(`${socketDir}/.s.PGSQL.5432`.length < 104, 'a socket path has room for 104 bytes')
})

t.test('a second process on one directory is refused and told why', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  await spawnOwner(t, dataDir).ready
  await t.rejects(start(t, dataDir, 300), { message: /^another process is using the data directory/ })
})

t.test('the server ends with a killed owner and the next start takes over', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  const owner = spawnOwner(t, dataDir)
  const [socketDir] = await owner.ready
  await insertNote(socketDir)
  await owner.kill()

  const server = await start(t, dataDir)
  t.same(await readNotes(server.socketDir), ['kept'])
  await t.rejects(readNotes(socketDir), 'the former server is gone')
})

t.test(
  'a process killed while it makes the directory leaves nothing that a later start stumbles over',
  async (t) => {
    const folder = await openFolder(t)
    const watcher = watch(folder)
    const owner = spawnOwner(t, join(folder, 'pg'))
    await once(watcher, 'change')
    await owner.kill()
    watcher.close()

    const server = await start(t, join(folder, 'pg'))
    await insertNote(server.socketDir)
    t.same(await readNotes(server.socketDir), ['kept'])
  },
)

t.test('two first starts at once make one directory', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  const results = await Promise.allSettled([start(t, dataDir, 300), start(t, dataDir, 300)])
  const started = results.filter(({ status }) => status === 'fulfilled')
  t.equal(started.length, 1)
  t.match(
    results.find(({ status }) => status === 'rejected'),
    { reason: { message: /another process is using/ } },
  )
})

t.test('a directory that only its owner may enter will do', async (t) => {
  const folder = await openFolder(t)
  await chmod(folder, 0o700)
  const first = await start(t, join(folder, 'pg'))
  t.teardown(() => rm(first.dataDir, { recursive: true, force: true }))
  await insertNote(first.socketDir)
  await first.stop()

  const second = await start(t, join(folder, 'pg'))
  t.equal(second.dataDir, first.dataDir)
  t.same(await readNotes(second.socketDir), ['kept'])
})

t.test('a directory with something else in it is left alone', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'letter.txt'), 'dear')
  await t.rejects(start(t, dataDir), { message: /is not empty and holds no database/ })
  t.same(await readdir(dataDir), ['letter.txt'])
})

t.test('data of another major version is refused by name', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'PG_VERSION'), '9\n')
  await t.rejects(start(t, dataDir), { message: /was made by PostgreSQL 9, but only .* is installed/ })
})

t.test('a server that dies tells with its last words', async (t) => {
  const server = await start(t, join(await openFolder(t), 'pg'))
  const pid = await asAdmin(server.socketDir, 'postgres', async (sql) => {
    const [row] = await sql<{ pid: number }[]>`
      select split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int as pid`
    return row?.pid ?? 0
  })
  process.kill(pid, 'SIGQUIT')
  t.match(await server.exited, /immediate shutdown/)
})
