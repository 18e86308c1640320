import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import type { BenchDatabase } from './database.ts'
import { KILL_BY_FOLDER, processesIn, trySignal } from './node-processes.ts'
import {
  addressOf,
  haproxyConfig,
  hostOf,
  NODE_NAMES,
  type NodeName,
  PASSWORDS,
  patroniConfig,
  pgbouncerConfig,
  pgbouncerUsers,
  type Surroundings,
  watchdogArguments,
  watchdogProgram,
} from './patroni-files.ts'
import { type Service, Supervised } from './supervised.ts'

export type ClusterOptions = {
  readonly folder: string
  /** Command prefix of every program. */
  readonly prefix: readonly string[]
  readonly synchronous: boolean
  readonly poolMode: string
  /** Whether `patroni-watchdog.py` runs on each node. */
  readonly isFenced: boolean
}

const PROGRAMS = ['patroni', 'etcd', 'haproxy', 'pgbouncer', 'python3']
const START_DEADLINE_MS = 120_000
const LOOK_MS = 100
const TMPFS_SIZE = '400m'

/** The programs that are missing here. */
export const missingPrograms = (): string[] =>
  PROGRAMS.filter(
    (program) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin; command -v ${program}`]).status !== 0,
  )

export const superuser = (node: NodeName, network: string, database = 'postgres') =>
  postgres({
    host: addressOf(node, network),
    ...{ username: 'postgres', password: PASSWORDS.postgres, database, max: 1 },
    ...{ connect_timeout: 1, backoff: false, onnotice: () => undefined },
  })

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + START_DEADLINE_MS; Date.now() < end; ) {
    if (await isTrue()) return
    await sleep(LOOK_MS)
  }
  throw new Error(`${what}: not within ${START_DEADLINE_MS} ms`)
}

const isOpen = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })

/** Postgres and Patroni refuse to run as root. */
function findAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const [uid, gid] = ['-u', '-g'].map((flag) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })),
  )
  return { uid: uid ?? 0, gid: gid ?? 0 }
}

/** Three Postgres nodes under Patroni, one etcd, HAProxy and PgBouncer, as `deploy/` configures them, on loopback. */
export class PatroniCluster {
  readonly network = `127.0.${(process.pid % 200) + 20}`
  /** Whether the first node has a small file system of its own. */
  readonly hasSmallDisk: boolean
  readonly haproxy: Supervised
  readonly pgbouncer: Supervised
  readonly #options: ClusterOptions
  readonly #account = findAccount()
  readonly #etcd: Supervised
  readonly #patroni: Readonly<Record<NodeName, Supervised>>
  readonly #watchdogs: Readonly<Record<NodeName, Supervised>>
  readonly #pools: postgres.Sql[] = []

  constructor(options: ClusterOptions) {
    this.#options = options
    const { folder, poolMode, isFenced } = options
    mkdirSync(folder, { recursive: true })
    for (const node of NODE_NAMES) mkdirSync(this.folderOf(node), { recursive: true })
    this.hasSmallDisk = this.#mountSmallDisk()
    const surroundings: Surroundings = {
      network: this.network,
      folderOf: (node) => this.folderOf(node),
      synchronous: options.synchronous,
    }
    const write = (name: string, text: string) => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const etcd = `http://${addressOf('pg1', this.network)}`
    this.#etcd = this.#service('etcd', [
      ...['etcd', '--name', 'pg1', '--data-dir', join(folder, 'etcd')],
      ...['--listen-client-urls', `${etcd}:2379`, '--advertise-client-urls', `${etcd}:2379`],
      ...['--listen-peer-urls', `${etcd}:2380`, '--initial-advertise-peer-urls', `${etcd}:2380`],
      ...['--initial-cluster', `pg1=${etcd}:2380`],
    ])
    const each = (start: (node: NodeName) => Supervised) =>
      Object.fromEntries(NODE_NAMES.map((node) => [node, start(node)])) as Record<NodeName, Supervised>
    this.#patroni = each((node) =>
      this.#service(
        `patroni-${node}`,
        ['patroni', write(`${node}.yml`, patroniConfig(node, surroundings))],
        this.folderOf(node),
      ),
    )
    const watchdog = write('patroni-watchdog.py', watchdogProgram())
    this.#watchdogs = each((node) => {
      const script = write(`kill-${node}.sh`, KILL_BY_FOLDER)
      const kill = ['sh', script, this.folderOf(node)]
      const command = ['python3', watchdog, ...watchdogArguments(node, this.network, kill)]
      return this.#service(`watchdog-${node}`, isFenced ? command : ['sleep', 'infinity'])
    })
    this.haproxy = this.#service('haproxy', [
      'haproxy',
      '-db',
      '-f',
      write('haproxy.cfg', haproxyConfig(this.network)),
    ])
    const users = write('userlist.txt', pgbouncerUsers())
    this.pgbouncer = this.#service('pgbouncer', [
      'pgbouncer',
      write('pgbouncer.ini', pgbouncerConfig(this.network, users, poolMode)),
    ])
  }

  folderOf(node: NodeName): string {
    return join(this.#options.folder, node)
  }

  /** Values of `DATABASE_URL` and `DATABASE_DIRECT_URL`. */
  get urls() {
    const at = `postgres://maeum:${PASSWORDS.maeum}@${hostOf(this.network)}`
    return { pooled: `${at}:6432/maeum?pgbouncer=true`, direct: `${at}:5000/maeum` }
  }

  async start(): Promise<void> {
    process.once('exit', () => this.#killAll())
    const { folder } = this.#options
    if (this.#account !== undefined) {
      for (const path of [folder, ...NODE_NAMES.map((node) => this.folderOf(node))])
        await chown(path, this.#account.uid, this.#account.gid)
      for (const name of readdirSync(folder))
        await chown(join(folder, name), this.#account.uid, this.#account.gid)
    }
    this.#etcd.start()
    await until('etcd', () => isOpen(addressOf('pg1', this.network), 2379))
    for (const node of NODE_NAMES) {
      this.#patroni[node].start()
      if (node === 'pg1')
        await until('the primary', async () => (await this.statusOf(node, '/primary')) === 200)
    }
    await this.untilHealthy()
    for (const node of NODE_NAMES) this.#watchdogs[node].start()
    const sql = superuser('pg1', this.network)
    await sql.unsafe(`create role maeum login password '${PASSWORDS.maeum}'`)
    await sql.unsafe('create database maeum owner maeum')
    await sql.unsafe('create table bench_probe (at timestamptz)')
    await sql.unsafe('insert into bench_probe values (now())')
    await sql.end()
    this.haproxy.start()
    this.pgbouncer.start()
    await this.untilProxied()
  }

  /** The HTTP status of a path of the REST interface of Patroni; 0 without a response. */
  async statusOf(node: NodeName, path: string): Promise<number> {
    const url = `http://${addressOf(node, this.network)}:8008${path}`
    return fetch(url, { signal: AbortSignal.timeout(1000) }).then(
      ({ status }) => status,
      () => 0,
    )
  }

  /** The node that is primary, and a standby to which it replicates synchronously, if the cluster is synchronous. */
  async roles(): Promise<{ primary: NodeName; standby: NodeName }> {
    const statuses = async (path: string) => Promise.all(NODE_NAMES.map((node) => this.statusOf(node, path)))
    const first = (found: readonly number[]) => NODE_NAMES[found.indexOf(200)]
    const primary = first(await statuses('/primary'))
    const standby = first(await statuses(this.#options.synchronous ? '/synchronous' : '/replica'))
    if (primary === undefined || standby === undefined) throw new Error('the cluster has no primary')
    return { primary, standby }
  }

  /** Waits until one node is primary and the others replicate from it. */
  async untilHealthy(): Promise<void> {
    await until('a healthy cluster', async () => {
      const all = await Promise.all(
        NODE_NAMES.map(async (node) => [
          await this.statusOf(node, '/primary'),
          await this.statusOf(node, '/replica?lag=1MB'),
        ]),
      )
      const count = (place: number) => all.filter((statuses) => statuses[place] === 200).length
      return count(0) === 1 && count(1) === 2 && (await this.roles().then(Boolean, () => false))
    })
  }

  async untilProxied(): Promise<void> {
    for (const port of [5000, 6432]) await until(`port ${port}`, () => isOpen(hostOf(this.network), port))
  }

  /** A planned switchover, as `patronictl switchover` requests it. Resolves with the response. */
  async switchover(leader: NodeName, candidate: NodeName): Promise<string> {
    const answer = await fetch(`http://${addressOf(leader, this.network)}:8008/switchover`, {
      method: 'POST',
      body: JSON.stringify({ leader, candidate }),
      signal: AbortSignal.timeout(60_000),
    })
    return answer.text()
  }

  /** Sends a signal to Patroni and Postgres of a node, but not to its watchdog. */
  signal(node: NodeName, signal: NodeJS.Signals, isWanted: (title: string) => boolean = () => true): void {
    for (const { pid, title } of processesIn(this.folderOf(node))) {
      if (isWanted(title)) trySignal(pid, signal)
    }
  }

  signalWatchdog(node: NodeName, signal: NodeJS.Signals): void {
    const { pid } = this.#watchdogs[node]
    if (pid !== undefined) trySignal(pid, signal)
  }

  /** The machine of the node is off: nothing starts it again. */
  powerOff(node: NodeName): void {
    this.#patroni[node].forget()
    this.signal(node, 'SIGKILL')
  }

  powerOn(node: NodeName): void {
    if (!this.#patroni[node].isRunning) this.#patroni[node].start()
  }

  /** A connection through HAProxy, for the ledger. */
  database(): BenchDatabase {
    const sql = postgres(this.urls.direct, {
      ...{ max: 2, connect_timeout: 2, backoff: false, idle_timeout: 1, onnotice: () => undefined },
    })
    this.#pools.push(sql)
    return { url: this.urls.direct, sql }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#pools.map((sql) => sql.end({ timeout: 2 })))
    await Promise.all(
      [this.pgbouncer, this.haproxy, ...Object.values(this.#watchdogs)].map((one) => one.stop()),
    )
    for (const node of NODE_NAMES) this.powerOff(node)
    await this.#etcd.stop()
    await until('the end of all processes', async () =>
      NODE_NAMES.every((node) => processesIn(this.folderOf(node)).length === 0),
    )
    if (this.hasSmallDisk) spawnSync('umount', [this.folderOf('pg1')])
  }

  #killAll(): void {
    for (const node of NODE_NAMES) this.powerOff(node)
    for (const one of [this.#etcd, this.haproxy, this.pgbouncer, ...Object.values(this.#watchdogs)]) {
      one.forget()
      if (one.pid !== undefined) trySignal(one.pid, 'SIGKILL')
    }
    if (this.hasSmallDisk) spawnSync('umount', ['-l', this.folderOf('pg1')])
  }

  #service(name: string, command: readonly string[], cwd = this.#options.folder): Supervised {
    const { folder, prefix } = this.#options
    const service: Service = {
      ...{ cwd, account: this.#account, restarts: true },
      command: [...prefix, ...command],
      log: join(folder, `${name}.log`),
    }
    return new Supervised(service)
  }

  #mountSmallDisk(): boolean {
    const options = ['-t', 'tmpfs', '-o', `size=${TMPFS_SIZE}`, 'none', this.folderOf('pg1')]
    return process.getuid?.() === 0 && spawnSync('mount', options).status === 0
  }
}
