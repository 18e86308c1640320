import { execFile } from 'node:child_process'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import '../helpers/built.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { temporaryFolder } from '../helpers/server-process.ts'
import { find, matches, read, ROOT } from './files.ts'

const run = promisify(execFile)
const DAY_MS = 86_400_000
const SECRET = 'a secret of the operator, of more than 32 characters'
/** A password whose characters mean something to a shell; the database of the tests asks for none. */
const PASSWORD = 'a b #c $HOME;d&`e`*'

/** A host with the settings and the backups of a deployment, below a temporary folder. */
async function createHost(t: Test) {
  const folder = await temporaryFolder(t)
  const { url } = await createTestDatabase(t)
  const address = url.replace(/^(\w+:\/\/\w+)(:[^@]*)?@/, (_, user) => `${user}:${PASSWORD}@`)
  t.match(address, PASSWORD)
  const backups = join(folder, 'backups')
  await mkdir(backups)
  const writeSettings = (databaseUrl: string) =>
    writeFile(
      join(folder, 'maeum.env'),
      read('deploy/systemd/maeum.env.example')
        .replace(/^JWT_SECRET=$/m, `JWT_SECRET='${SECRET}'`)
        .replace(/^DATABASE_URL=.*$/m, () => `DATABASE_URL='${databaseUrl}'`),
    )
  await writeSettings(address)
  await writeFile(join(folder, 'backup-key'), Buffer.alloc(32, 7).toString('base64'))
  const now = Date.now()
  for (const [name, days] of [
    ['old.backup', 40],
    ['recent.backup', 2],
    ['old.partial', 2],
    ['recent.partial', 0],
  ] as const) {
    await writeFile(join(backups, name), '')
    const at = new Date(now - days * DAY_MS)
    await utimes(join(backups, name), at, at)
  }
  const relocate = (text: string) =>
    text
      .replaceAll('/etc/maeum', folder)
      .replaceAll('/var/backups/maeum', backups)
      .replaceAll('/opt/maeum', ROOT.replace(/\/$/, ''))
  const shell = (script: string, environment: NodeJS.ProcessEnv = {}) =>
    run('/bin/sh', ['-ec', relocate(script)], { env: { PATH: process.env['PATH'], ...environment } })
  return { folder, address, backups, writeSettings, relocate, shell }
}

type Host = Awaited<ReturnType<typeof createHost>>

async function checkBackups(t: Test, { backups, folder }: Host) {
  const names = (await readdir(backups)).toSorted()
  const made = names.filter((name) => /^\d{4}-\d\d-\d\dT\d{4}\.backup$/.test(name))
  t.equal(made.length, 1, names.join(' '))
  t.same(
    names.filter((name) => !made.includes(name)),
    ['recent.backup', 'recent.partial'],
  )
  const file = join(backups, made[0] ?? '')
  const line = ['dist/cli/main.js', 'restore', file, '--key-file', join(folder, 'backup-key'), '--check']
  const { stdout } = await run('node', line, {
    cwd: ROOT,
    env: { ...process.env, JWT_SECRET: SECRET, LANG: 'en_US.UTF-8' },
  })
  t.match(stdout, /^ok +file/m)
}

t.test('the line for a crontab makes a backup and removes old files', async (t) => {
  const host = await createHost(t)
  const line = find(read('docs/operations.md'), /^ *30 2 \* \* \* +(.*)$/m).replaceAll('\\%', '%')
  t.notMatch(line.replace(/\+%F\S+/, ''), '%', 'cron ends a command at an unescaped %')
  await host.shell(line)
  await checkBackups(t, host)
})

t.test('the unit makes a backup and removes old files, and the timer starts it', async (t) => {
  const host = await createHost(t)
  const unit = read('deploy/systemd/maeum-backup.service')
  t.match(unit, 'EnvironmentFile=/etc/maeum/maeum.env')
  t.equal(find(unit, /^ReadWritePaths=(.*)$/m), '/var/backups/maeum')
  t.notMatch(unit, /^(User|DynamicUser)=/m, 'only root can read the key')
  const commands = matches(unit, /^Exec\w+=(.*)$/gm).map((text) =>
    text.replaceAll('$$', '$').replaceAll('%%', '%'),
  )
  t.equal(commands.length, 3)
  await host.shell(['set -a; . /etc/maeum/maeum.env; set +a; cd /opt/maeum', ...commands].join('\n'))
  await checkBackups(t, host)
  t.match(read('deploy/systemd/maeum-backup.timer'), /^OnCalendar=/m)
})

t.test(
  'the command of a systemd host has the settings of the service, and those of its caller first',
  async (t) => {
    const host = await createHost(t)
    const command = read('deploy/systemd/maeum.sh')
    const verify = async (environment?: NodeJS.ProcessEnv) =>
      host.shell(`set -- audit verify --language en\n${command}`, environment).then(
        ({ stdout }) => stdout,
        (error: unknown) => `failed: ${String(error)}`,
      )
    t.match(await verify(), /nothing is missing or altered/)
    await host.writeSettings('mysql://nothing')
    t.match(await verify(), /failed: .*DATABASE_URL/s)
    t.match(
      await verify({ DATABASE_URL: host.address, OTHER: `it's "quoted"\n$HOME` }),
      /nothing is missing or altered/,
    )
  },
)
