import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FailoverWatch } from './harness/failover-watch.ts'
import { type PatroniCluster, superuser } from './harness/patroni-cluster.ts'
import type { NodeName } from './harness/patroni-files.ts'
import type { Supervised } from './harness/supervised.ts'

export type Surroundings = {
  readonly cluster: PatroniCluster
  readonly watch: FailoverWatch
  /** Makes some clients reconnect to the other instance, which claims their sessions; returns their number. */
  readonly moveClients: () => number
}

/** `acceptedAt`: since when writes were possible again, by the probe of the bench. */
export type Outcome =
  | { readonly acceptedAt: number; readonly afterwards?: () => Promise<void>; readonly note?: string }
  | { readonly skipped: string }

export type Trial = {
  readonly title: string
  /** `always`: on purpose, only without synchronous replication. `possibly`: only if it is chosen by name. */
  readonly losesCommits?: 'always' | 'possibly'
  readonly run: (surroundings: Surroundings) => Promise<Outcome>
}

const FAILOVER_DEADLINE_MS = 90_000
const FREEZE_MS = 60_000
const AWAY_MS = 4000
const READ_ONLY_MS = 20_000
const FULL_MS = 30_000
const HELD_BACK_MS = 8000
const CHUNK = Buffer.alloc(256 * 1024)

type Database = Pick<Surroundings, 'cluster' | 'watch'>

async function switchover({ cluster, watch }: Database): Promise<Outcome> {
  const { primary, standby } = await cluster.roles()
  const begun = Date.now()
  const response = cluster.switchover(primary, standby)
  const { at } = await watch.firstAccepted(begun, FAILOVER_DEADLINE_MS, primary)
  return { acceptedAt: at, note: await response }
}

async function kill({ cluster, watch }: Database): Promise<Outcome> {
  const { primary } = await cluster.roles()
  const begun = Date.now()
  cluster.powerOff(primary)
  const { at } = await watch.firstAccepted(begun, FAILOVER_DEADLINE_MS, primary)
  return { acceptedAt: at, afterwards: async () => cluster.powerOn(primary) }
}

/** Nothing that is committed from now on reaches a standby, also claims of sessions; then the primary is gone. */
async function lossyKill({ cluster, watch, moveClients }: Surroundings): Promise<Outcome> {
  const { primary } = await cluster.roles()
  cluster.signal(primary, 'SIGSTOP', (title) => title.includes('walsender'))
  await sleep(HELD_BACK_MS / 2)
  const moved = moveClients()
  await sleep(HELD_BACK_MS / 2)
  return { ...(await kill({ cluster, watch })), note: `${moved} clients had changed the instance before` }
}

async function freeze({ cluster, watch }: Database): Promise<Outcome> {
  const { primary } = await cluster.roles()
  const begun = Date.now()
  cluster.signal(primary, 'SIGSTOP')
  // The watchdog kills the node, whose Patroni is started again: it continues if its leader key has not expired.
  await sleep(1000)
  const { at, node } = await watch.firstAccepted(begun + 1000, FAILOVER_DEADLINE_MS)
  await sleep(begun + FREEZE_MS - Date.now())
  cluster.signal(primary, 'SIGCONT')
  const note = `${node === primary ? 'the same node' : 'another node'} was primary after ${at - begun} ms`
  return { acceptedAt: at, note }
}

/** The whole machine stands still, with its watchdog: afterwards either the watchdog or Patroni acts first. */
async function freezeMachine({ cluster, watch }: Database): Promise<Outcome> {
  const { primary } = await cluster.roles()
  const begun = Date.now()
  cluster.signalWatchdog(primary, 'SIGSTOP')
  cluster.signal(primary, 'SIGSTOP')
  const { at } = await watch.firstAccepted(begun, FAILOVER_DEADLINE_MS, primary)
  await sleep(begun + FREEZE_MS - Date.now())
  cluster.signal(primary, 'SIGCONT')
  cluster.signalWatchdog(primary, 'SIGCONT')
  return { acceptedAt: at }
}

const restart =
  (name: 'haproxy' | 'pgbouncer') =>
  async ({ cluster }: Database): Promise<Outcome> => {
    const proxy: Supervised = cluster[name]
    await proxy.stop(name === 'pgbouncer' ? 'SIGQUIT' : 'SIGTERM')
    await sleep(AWAY_MS)
    proxy.start()
    await cluster.untilProxied()
    return { acceptedAt: Date.now() }
  }

async function readOnly({ cluster, watch }: Database): Promise<Outcome> {
  const { primary } = await cluster.roles()
  const sql = superuser(primary, cluster.network)
  await sql`alter system set default_transaction_read_only = on`
  await sql`select pg_reload_conf()`
  await sleep(READ_ONLY_MS)
  await sql`alter system reset default_transaction_read_only`
  const begun = Date.now()
  await sql`select pg_reload_conf()`
  await sql.end()
  const { at } = await watch.firstAccepted(begun, FAILOVER_DEADLINE_MS)
  return { acceptedAt: at }
}

/** The first node has a small file system, which is filled. */
async function fullDisk({ cluster, watch }: Database): Promise<Outcome> {
  if (!cluster.hasSmallDisk)
    return { skipped: 'A SMALL FILE SYSTEM CANNOT BE MOUNTED HERE: the full disk is NOT TRIED' }
  const node: NodeName = 'pg1'
  const { primary } = await cluster.roles()
  if (primary !== node)
    return { skipped: 'THE NODE WITH THE SMALL FILE SYSTEM IS NOT PRIMARY: the full disk is NOT TRIED' }
  const path = join(cluster.folderOf(node), 'ballast')
  const begun = Date.now()
  const end = begun + FULL_MS
  while (Date.now() < end) {
    fill(path)
    await sleep(500)
  }
  const failedOver = await watch.firstAccepted(begun, 1, node).catch(() => undefined)
  rmSync(path)
  const { at } = failedOver ?? (await watch.firstAccepted(Date.now(), FAILOVER_DEADLINE_MS))
  return {
    acceptedAt: at,
    note: failedOver === undefined ? 'the same node stayed primary' : 'another node took over',
  }
}

function fill(path: string): void {
  const file = openSync(path, 'a')
  try {
    for (;;) writeSync(file, CHUNK)
  } catch {
    // No space left on the device.
  } finally {
    closeSync(file)
  }
}

export const TRIALS: Readonly<Record<string, Trial>> = {
  'full-disk': { title: 'the disk of the primary is full for 30 s', run: fullDisk },
  switchover: { title: 'a planned switchover', run: switchover },
  kill: { title: 'kill -9 of the primary', run: kill },
  freeze: { title: 'SIGSTOP of the primary for 60 s', run: freeze },
  haproxy: { title: 'a restart of HAProxy, 4 s away', run: restart('haproxy') },
  pgbouncer: { title: 'a restart of PgBouncer, 4 s away', run: restart('pgbouncer') },
  'read-only': { title: 'a primary that is read-only for 20 s', run: readOnly },
  'freeze-machine': {
    title: 'SIGSTOP of the primary and of its watchdog for 60 s',
    losesCommits: 'possibly',
    run: freezeMachine,
  },
  'lossy-kill': {
    title: 'kill -9 of the primary, with replication held back for 8 s before it',
    losesCommits: 'always',
    run: lossyKill,
  },
}
