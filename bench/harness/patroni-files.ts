import { readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'

/** The nodes of the sample files, by name, with the last number of their addresses. */
export const NODES = { pg1: 21, pg2: 22, pg3: 23 } as const
export type NodeName = keyof typeof NODES
export const NODE_NAMES = Object.keys(NODES) as NodeName[] // the keys of a constant

export const PASSWORDS = { postgres: 'of-postgres', maeum: 'of-maeum', other: 'of-another-role' } as const

export type Surroundings = {
  /** The first three numbers of loopback addresses that stand for the network of the samples, such as `127.0.77`. */
  readonly network: string
  /** The folder of the files and data of a node. */
  readonly folderOf: (node: NodeName) => string
  readonly synchronous: boolean
}

const SAMPLE_NETWORK = /\b10\.0\.0(?=\.\d)/g
const SAMPLE_HOST = /127\.0\.0\.1\b/g
const PATRONI = 'deploy/patroni/patroni.yml'
const WATCHDOG_UNIT = 'deploy/patroni/patroni-watchdog.service'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

export const addressOf = (node: NodeName, network: string): string => `${network}.${NODES[node]}`

/** The address of the host of the instances, with HAProxy and PgBouncer; 127.0.0.1 in the samples. */
export const hostOf = (network: string): string => `${network}.1`

/** The parts of `patroni.yml` that the bench replaces. */
type PatroniFile = {
  name: string
  restapi: { listen: string; connect_address: string }
  etcd3: { hosts: string }
  bootstrap: { dcs: { ttl: number; loop_wait: number; retry_timeout: number; synchronous_mode: boolean } }
  postgresql: {
    listen: string
    connect_address: string
    data_dir: string
    pgpass: string
    authentication: Record<'superuser' | 'replication' | 'rewind', { username: string; password: string }>
    parameters: Record<string, string>
    pg_hba: string[]
  }
  watchdog: { mode: string }
}

export const readPatroniSample = (): PatroniFile => parse(read(PATRONI)) as PatroniFile // our own file

/** `deploy/patroni/patroni.yml` as it is for a node: other addresses, folders and passwords, nothing else. */
export function patroniConfig(node: NodeName, { network, folderOf, synchronous }: Surroundings): string {
  const file = readPatroniSample()
  const [address, folder] = [addressOf(node, network), folderOf(node)]
  const { postgresql } = file
  file.name = node
  file.restapi.listen = file.restapi.connect_address = `${address}:8008`
  file.etcd3.hosts = `${addressOf('pg1', network)}:2379` // one etcd for all
  file.bootstrap.dcs.synchronous_mode = synchronous
  postgresql.listen = postgresql.connect_address = `${address}:5432`
  postgresql.data_dir = `${folder}/data`
  postgresql.pgpass = `${folder}/pgpass`
  postgresql.parameters['unix_socket_directories'] = folder
  // The source of a connection on loopback is 127.0.0.1, whatever its destination.
  postgresql.pg_hba = postgresql.pg_hba.map((line) => line.replace(/\b10\.0\.0\.0\/24\b/, '127.0.0.0/8'))
  for (const role of Object.values(postgresql.authentication)) {
    role.password = role.username === 'postgres' ? PASSWORDS.postgres : PASSWORDS.other
  }
  file.watchdog.mode = 'off' // it would reset this machine
  return stringify(file, { version: '1.1' }) // Python reads `off` as a boolean
}

/** `deploy/haproxy/postgres.cfg` with other addresses. */
export const haproxyConfig = (network: string): string =>
  read('deploy/haproxy/postgres.cfg').replace(SAMPLE_NETWORK, network).replace(SAMPLE_HOST, hostOf(network))

/** `deploy/pgbouncer/pgbouncer.ini` with other addresses, and another pool mode on request. */
export const pgbouncerConfig = (network: string, users: string, poolMode: string): string =>
  read('deploy/pgbouncer/pgbouncer.ini')
    .replace(SAMPLE_HOST, hostOf(network))
    .replace(/^auth_file = .*$/m, `auth_file = ${users}`)
    .replace(/^pool_mode = .*$/m, `pool_mode = ${poolMode}`)

export const pgbouncerUsers = (): string =>
  read('deploy/pgbouncer/userlist.txt').replace(/replace-[\w-]+/, PASSWORDS.maeum)

export const watchdogProgram = (): string => read('deploy/patroni/patroni-watchdog.py')

/** The arguments in `deploy/patroni/patroni-watchdog.service` for a node, with another command that kills the node. */
export function watchdogArguments(node: NodeName, network: string, kill: readonly string[]): string[] {
  const [, seconds = ''] = /^ExecStart=\S+ \S+ (\d+) /m.exec(read(WATCHDOG_UNIT)) ?? []
  return [`http://${addressOf(node, network)}:8008`, seconds, ...kill]
}
