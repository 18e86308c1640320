import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus } from 'node:os'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

/** The cores of a process: the one of servers, the one of load and database, or any. */
export type Place = 'server' | 'load' | 'any'

export type Cores = {
  /** Description for the results. */
  readonly description: string
  /** Command prefix that pins a process to the cores; empty when pinning is not available. */
  prefix(place: Place): readonly string[]
  /** Busy time of the servers' core since boot, ms; undefined when not pinned. */
  serverBusyMs(): number | undefined
}

const FREE: Cores = {
  description: 'not pinned: taskset is missing or there is one core, so servers and load share what there is',
  prefix: () => [],
  serverBusyMs: () => undefined,
}

/** Pins this process, which generates the load, and its children to the load's core. */
export function takeCores(): Cores {
  const all = allowedCores()
  const [server, load] = all
  if (availableParallelism() < 2 || server === undefined || load === undefined) return FREE
  const pinned = spawnSync('taskset', ['-a', '-p', '-c', load, String(process.pid)])
  if (pinned.status !== 0) return FREE
  const lists: Record<Place, string> = { server, load, any: all.join(',') }
  return {
    description: `servers on core ${server}, load and database on core ${load}`,
    prefix: (place) => ['taskset', '-c', lists[place]],
    serverBusyMs: () => busyMs(Number(server)),
  }
}

const LOOK_MS = 1500
const QUIET_SHARE = 0.1
const PATIENCE_MS = 60_000

/** Waits until the machine is idle, for at most a minute. */
export async function untilQuiet(): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (Date.now() < deadline) {
    const before = cpus().map((_, core) => busyMs(core) ?? 0)
    const begun = Date.now()
    await sleep(LOOK_MS)
    const most = QUIET_SHARE * (Date.now() - begun)
    if (before.every((busy, core) => (busyMs(core) ?? 0) - busy <= most)) return
  }
}

function busyMs(core: number): number | undefined {
  const times = cpus()[core]?.times
  return times === undefined ? undefined : times.user + times.nice + times.sys + times.irq
}

/** The numbers of the cores that this process may use; empty without taskset. */
function allowedCores(): string[] {
  const { status, stdout } = spawnSync('taskset', ['-p', '-c', String(process.pid)], { encoding: 'utf8' })
  if (status !== 0) return []
  const list = stdout.split(':').at(-1)?.trim() ?? ''
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    if (first === undefined || last === undefined) return []
    return Array.from({ length: last - first + 1 }, (_, i) => String(first + i))
  })
}
