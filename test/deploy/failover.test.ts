import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { findProgram } from '../helpers/find-program.ts'
import { parse } from 'yaml'
import {
  haproxyConfig,
  NODE_NAMES,
  NODES,
  patroniConfig,
  pgbouncerConfig,
  pgbouncerUsers,
  watchdogArguments,
} from '../../bench/harness/patroni-files.ts'
import { readConfig } from '../../src/config/config.ts'
import { eventually } from '../helpers/eventually.ts'
import { find, matches, read, readYaml, ROOT } from './files.ts'

const run = promisify(execFile)

const HAPROXY = 'deploy/haproxy/postgres.cfg'
const PGBOUNCER = 'deploy/pgbouncer/pgbouncer.ini'
const WATCHDOG = 'deploy/patroni/patroni-watchdog.py'
const NETWORK = '127.0.9'
/** More than a busy machine takes for a response. */
const SILENCE_S = '3'

const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` }
const skipWithout = (program: string) =>
  findProgram(program) === undefined &&
  `${program.toUpperCase()} IS NOT INSTALLED: its file for failovers is NOT TESTED here`

const patroni = readYaml('deploy/patroni/patroni.yml')
const dcs = patroni.bootstrap.dcs

t.test('the files of the cluster agree with each other', async (t) => {
  t.ok(Number(dcs.ttl) >= Number(dcs.loop_wait) + 2 * Number(dcs.retry_timeout), 'as Patroni requires')
  t.equal(dcs.synchronous_mode, true, 'no commit is lost')
  const [, seconds] = watchdogArguments('pg1', NETWORK, [])
  t.ok(Number(seconds) < dcs.ttl - dcs.loop_wait - 3, 'the watchdog acts before the leader key expires')
  const addresses = NODE_NAMES.map((node) => `10.0.0.${NODES[node]}`)
  const postgres = addresses.map((address) => `${address}:5432`)
  t.same(matches(read(HAPROXY), /^ +server \S+ (\S+)$/gm), postgres)
  t.same(
    patroni.etcd3.hosts.split(','),
    addresses.map((address) => `${address}:2379`),
  )
  t.ok(postgres.includes(patroni.postgresql.listen) && postgres.includes(patroni.postgresql.connect_address))
  t.match(read(HAPROXY), /on-marked-down shutdown-sessions/)
  t.match(read(HAPROXY), new RegExp(`check port ${find(patroni.restapi.listen, /:(\d+)$/)} `))
  const [host = '', port = ''] = find(read(HAPROXY), /^ +bind (\S+)$/m).split(':')
  t.match(read(PGBOUNCER), `host=${host} port=${port} `)
})

t.test('the addresses of the guide lead to PgBouncer and HAProxy', async (t) => {
  const operations = read('docs/operations.md')
  const get = (name: string) =>
    find(operations, new RegExp(`^ *${name}=(postgres\\S+:5000/maeum|postgres\\S+:6432/\\S+)$`, 'm'))
  const [pooled, direct] = [get('DATABASE_URL'), get('DATABASE_DIRECT_URL')]
  t.equal(new URL(pooled).port, find(read(PGBOUNCER), /^listen_port = (\d+)$/m))
  t.equal(new URL(direct).host, find(read(HAPROXY), /^ +bind (\S+)$/m))
  const secrets = { JWT_SECRET: 'a secret of the operator, of more than 32 characters' }
  const { poolMax } = readConfig({ ...secrets, DATABASE_URL: pooled, DATABASE_DIRECT_URL: direct }).database
  const clients = Number(find(read(PGBOUNCER), /^max_client_conn = (\d+)$/m))
  t.ok(clients >= 2 * poolMax, 'two instances beside one PgBouncer')
})

t.test('the bench runs the files as they are, on loopback', async (t) => {
  const surroundings = { network: NETWORK, folderOf: (node: string) => `/tmp/${node}`, synchronous: true }
  for (const node of NODE_NAMES) {
    const used = parse(patroniConfig(node, surroundings), { version: '1.1' })
    t.same(used.bootstrap, { ...patroni.bootstrap, initdb: used.bootstrap.initdb }, node)
    t.same(Object.keys(used.postgresql), Object.keys(patroni.postgresql), node)
    t.equal(used.watchdog.mode, 'off', 'this machine is not reset')
  }
  const lines = (text: string) =>
    text.split('\n').map((line) => line.replaceAll(/\d+\.\d+\.\d+\.\d+/g, 'address'))
  t.same(lines(haproxyConfig(NETWORK)), lines(read(HAPROXY)))
  t.same(
    lines(pgbouncerConfig(NETWORK, '/etc/pgbouncer/userlist.txt', 'transaction')),
    lines(read(PGBOUNCER)),
  )
  t.notMatch(pgbouncerUsers(), 'replace')
})

t.test('HAProxy accepts its file', { skip: skipWithout('haproxy') }, async (t) => {
  await t.resolves(run('haproxy', ['-c', '-f', join(ROOT, HAPROXY)], { env }))
})

/** Remarks on this machine, where no cluster runs; Patroni 3.0 misses `bootstrap.pg_hba`, which is optional. */
const OF_THIS_MACHINE = /is not reachable|already in use|^bootstrap\.pg_hba/

t.test('Patroni accepts its file', { skip: skipWithout('patroni') }, async (t) => {
  const folder = t.testdir({ pg1: {} })
  const surroundings = { network: NETWORK, folderOf: () => join(folder, 'pg1'), synchronous: true }
  const path = join(folder, 'pg1.yml')
  await writeFile(path, patroniConfig('pg1', surroundings))
  const checked = await run('patroni', ['--validate-config', path], { env }).catch((error: unknown) => error)
  const { stdout, stderr } = checked as { stdout: string; stderr: string } // of a program that ran
  const remarks = `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line !== '' && !OF_THIS_MACHINE.test(line))
  t.same(remarks, [])
})

t.test('PgBouncer accepts its file', { skip: skipWithout('pgbouncer') }, async (t) => {
  const folder = t.testdir({})
  await mkdir(join(folder, 'run'))
  await writeFile(join(folder, 'userlist.txt'), pgbouncerUsers())
  const text = pgbouncerConfig(NETWORK, join(folder, 'userlist.txt'), 'transaction')
  // Nothing may listen for a test at a fixed port: it ends at once, because it cannot.
  await writeFile(join(folder, 'pgbouncer.ini'), text.replace(/^listen_addr = .*$/m, 'listen_addr ='))
  const account = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const ended = await run('pgbouncer', [join(folder, 'pgbouncer.ini')], { env, ...account }).catch(
    (error: unknown) => error,
  )
  const { stderr } = ended as { stderr: string } // of a program that ran
  t.notMatch(stderr, /unknown parameter|invalid value|syntax error|cannot load/i)
  t.match(stderr, 'nowhere to listen on')
})

/** The REST interface of a Patroni, at a port that stays the same. */
class Patroni {
  #server: Server | undefined
  port = 0
  requests = 0

  async answer(document: object, status = 200): Promise<void> {
    await this.fallSilent()
    const server = createServer((_, response) => {
      this.requests++
      response.writeHead(status).end(JSON.stringify(document))
    }).listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.port = (server.address() as AddressInfo).port // listening on TCP
    this.#server = server
    const { requests } = this
    await eventually(
      () => this.requests,
      (count) => count > requests || this.port === 0 || this.isUnwatched,
    )
  }

  isUnwatched = true

  async fallSilent(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
}

async function watch(t: Test, patroni: Patroni, seconds: string) {
  const command = ['sh', '-c', 'echo the node was killed']
  const child = spawn(
    'python3',
    [join(ROOT, WATCHDOG), `http://127.0.0.1:${patroni.port}`, seconds, ...command],
    {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
    await patroni.fallSilent()
  })
  patroni.isUnwatched = false
  await eventually(
    () => patroni.requests,
    (count) => count > 0,
  )
  return {
    kills: () => matches(output, /^(the node was killed)$/gm).length,
    signal: (signal: NodeJS.Signals) => child.kill(signal),
  }
}

t.test('the watchdog of Patroni', { skip: skipWithout('python3') }, async (t) => {
  t.test('kills a node that falls silent, once, and again after it has responded', async (t) => {
    const patroni = new Patroni()
    await patroni.answer({ state: 'running' })
    const watchdog = await watch(t, patroni, SILENCE_S)
    await patroni.fallSilent()
    await eventually(watchdog.kills, (count) => count === 1)
    await patroni.answer({ state: 'starting' }, 503)
    t.equal(watchdog.kills(), 1)
    await patroni.fallSilent()
    await eventually(watchdog.kills, (count) => count === 2)
  })

  t.test('does nothing while the cluster is paused', async (t) => {
    const patroni = new Patroni()
    await patroni.answer({ pause: true }, 503)
    const watchdog = await watch(t, patroni, SILENCE_S)
    await patroni.fallSilent()
    await patroni.answer({ pause: true })
    await patroni.answer({ pause: false })
    t.equal(watchdog.kills(), 0)
    await patroni.fallSilent()
    await eventually(watchdog.kills, (count) => count === 1)
  })

  t.test('kills the node if it was suspended itself, although Patroni responds', async (t) => {
    const patroni = new Patroni()
    await patroni.answer({ state: 'running' })
    const watchdog = await watch(t, patroni, SILENCE_S)
    watchdog.signal('SIGSTOP')
    const stoppedAt = Date.now()
    await eventually(
      () => Date.now() - stoppedAt,
      (ms) => ms > 1500 * Number(SILENCE_S),
    )
    watchdog.signal('SIGCONT')
    await eventually(watchdog.kills, (count) => count === 1)
  })
})
