import { setTimeout as sleep } from 'node:timers/promises'
import type postgres from 'postgres'
import { superuser } from './patroni-cluster.ts'
import { NODE_NAMES, type NodeName } from './patroni-files.ts'

/** A committed write of the probe, directly on a node. */
type Accepted = { readonly node: NodeName; readonly at: number }
type Seen = { readonly at: number; readonly owner: string | null }

const PROBE_MS = 50
const LOOK_MS = 100
const ANSWER_DEADLINE_MS = 2000

/** The claims of a session over time. */
type Claims = { highest: number; current: number; backwards: number }

/**
 * Asks each node directly, beside HAProxy and PgBouncer: since when it accepts writes, which windows it has and which
 * claims. So the figures do not depend on what is measured.
 */
export class FailoverWatch {
  /** The first time that a window was seen, by `session window`, with the owner of its session. */
  readonly windows = new Map<string, Seen>()
  /** Windows that were seen and are missing now. */
  readonly vanished = new Set<string>()
  readonly claims = new Map<string, Claims>()
  readonly #accepted: Accepted[] = []
  readonly #probes: Readonly<Record<NodeName, postgres.Sql>>
  readonly #readers: Readonly<Record<NodeName, postgres.Sql>>
  readonly #loops: Promise<void>[] = []
  #isOver = false

  constructor(network: string) {
    const each = (database?: string) =>
      Object.fromEntries(NODE_NAMES.map((node) => [node, superuser(node, network, database)])) as Record<
        NodeName,
        postgres.Sql
      >
    this.#probes = each()
    this.#readers = each('maeum')
    for (const node of NODE_NAMES) this.#loops.push(this.#probe(node))
    this.#loops.push(this.#look())
  }

  /** Forgets what was seen of earlier sessions. */
  reset(): void {
    this.windows.clear()
    this.vanished.clear()
    this.claims.clear()
  }

  /** When the first write after a time was committed, on another node than `former` if given. */
  async firstAccepted(after: number, deadlineMs: number, former?: NodeName): Promise<Accepted> {
    for (const end = Date.now() + deadlineMs; Date.now() < end; ) {
      const found = this.#accepted.find(({ node, at }) => at > after && node !== former)
      if (found !== undefined) return found
      await sleep(PROBE_MS)
    }
    throw new Error(`no primary accepted a write within ${deadlineMs} ms`)
  }

  /** The longest time without a committed write in a span, ms. */
  longestGap(from: number, to: number): number {
    const times = this.#accepted.filter(({ at }) => at >= from && at <= to).map(({ at }) => at)
    return Math.max(...[...times, to].map((at, place) => at - (times[place - 1] ?? from)))
  }

  async stop(): Promise<void> {
    this.#isOver = true
    const all = [...Object.values(this.#probes), ...Object.values(this.#readers)]
    await Promise.all(all.map((sql) => sql.end({ timeout: 1 })))
    await Promise.all(this.#loops)
  }

  async #probe(node: NodeName): Promise<void> {
    const sql = this.#probes[node]
    while (!this.#isOver) {
      const begun = Date.now()
      // A statement that a suspended node answers later says nothing of the time in between.
      const isCommitted = await sql`update bench_probe set at = clock_timestamp()`.then(
        () => true,
        () => false,
      )
      if (isCommitted && Date.now() - begun < ANSWER_DEADLINE_MS)
        this.#accepted.push({ node, at: Date.now() })
      await sleep(PROBE_MS)
    }
  }

  async #look(): Promise<void> {
    while (!this.#isOver) {
      const node = this.#accepted.at(-1)?.node
      if (node !== undefined) await this.#readOnce(this.#readers[node]).catch(() => undefined)
      await sleep(LOOK_MS)
    }
  }

  async #readOnce(sql: postgres.Sql): Promise<void> {
    const rows = sql`
      select s.id, s.lease_owner as owner, s.lease_epoch as epoch,
        array(select "window" from emotion_windows where session_id = s.id) as windows
      from sessions s where s.ended_at is null`
    const found = await Promise.race([rows, sleep(ANSWER_DEADLINE_MS)])
    if (found === undefined) return
    const at = Date.now()
    const there = new Set<string>()
    for (const row of found) {
      const [id, owner] = [String(row['id']), row['owner'] === null ? null : String(row['owner'])]
      this.#noteClaim(id, Number(row['epoch']))
      for (const window of row['windows'] as number[]) {
        const key = `${id} ${window}`
        there.add(key)
        if (!this.windows.has(key)) this.windows.set(key, { at, owner })
      }
    }
    const open = new Set(found.map((row) => String(row['id'])))
    for (const key of this.windows.keys()) {
      if (there.has(key)) continue
      if (open.has(key.split(' ')[0] ?? '')) this.vanished.add(key)
    }
  }

  #noteClaim(id: string, epoch: number): void {
    const claims = this.claims.get(id) ?? { highest: 0, current: epoch, backwards: 0 }
    if (epoch < claims.current) claims.backwards++
    claims.current = epoch
    claims.highest = Math.max(claims.highest, epoch)
    this.claims.set(id, claims)
  }
}
