import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import t from 'tap'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import '../helpers/built.ts'
import { ROOT, systemdUnit } from './files.ts'

const run = promisify(execFile)

t.test('the command of the unit starts a server that is healthy and ends on SIGTERM', async (t) => {
  const { deployed, get } = systemdUnit()
  t.equal(get('WorkingDirectory'), '/opt/maeum')
  const database = await createTestDatabase(t)
  const [program = '', ...args] = deployed.command
  const child = spawn(program, args, {
    cwd: ROOT, // the build that an operator installs in WorkingDirectory
    env: { ...deployed.environment, PATH: process.env['PATH'], DATABASE_URL: database.url, PORT: '0' },
  })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const { port } = await eventually(
    () => ({ port: /"listening":"http:[^"]*:(\d+)"/.exec(output)?.[1], code: child.exitCode }),
    (state) => state.port !== undefined || state.code !== null,
  )
  t.ok(port, output)
  t.equal((await fetch(`http://127.0.0.1:${port ?? ''}/api/health`)).status, 200)
  child.kill('SIGTERM')
  t.same(await ended, [0, null])
})

t.test('the unit protects the host, and leaves the compiler of V8 alone', async (t) => {
  const { get, deployed } = systemdUnit()
  for (const [name, value] of Object.entries({
    DynamicUser: 'yes',
    NoNewPrivileges: 'yes',
    ProtectSystem: 'strict',
    ProtectHome: 'yes',
    PrivateTmp: 'yes',
    CapabilityBoundingSet: '',
    MemoryDenyWriteExecute: 'no',
  }))
    t.equal(get(name), value, name)
  t.equal(deployed.environment['DATA_DIR'], `/var/lib/${get('StateDirectory')}`)
})

const skip = await run('systemd-analyze', ['--version']).then(
  () => false as const,
  () => 'SYSTEMD IS NOT INSTALLED: the unit is NOT CHECKED by systemd-analyze here',
)

t.test('systemd accepts the units', { skip }, async (t) => {
  const units = ['maeum.service', 'maeum-backup.service', 'maeum-backup.timer']
  const paths = units.map((name) => `${ROOT}deploy/systemd/${name}`)
  const { stdout, stderr } = await run('systemd-analyze', ['verify', ...paths])
  t.equal(stdout + stderr, '')
})
