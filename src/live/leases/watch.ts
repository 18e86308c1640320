import { LRUCache } from 'lru-cache'
import type { SessionStatus } from '../../domain/session.ts'
import { createPoll } from '../../lib/poll.ts'
import type { SessionRow } from '../../db/session-row.ts'
import type { StatusChanged } from '../../protocol/session-events.ts'
import type { Believed, Differing } from './state-repository.ts'
import { entryLimit } from '../../lib/entry-limit.ts'

type Dependencies = {
  /** Sessions that have a socket or a loop in this process, with the epoch of the lease that is held here. */
  readonly present: () => ReadonlyMap<string, number | undefined>
  /** Those whose rows differ. */
  readonly listDiffering: (believed: readonly Believed[]) => Promise<readonly Differing[]>
  readonly onStatus: (sessionId: string, change: StatusChanged) => void
  readonly onDeleted: (sessionId: string) => void
  readonly onClaimed: (sessionId: string, epoch: number) => void
  /** How long the rows are waited for. */
  readonly deadlineMs: number
}

type Known = {
  readonly status: SessionStatus
  /** Of the change, ms since the epoch. */
  readonly at: number
  /** When it became known: what was read from before that is older. */
  readonly tick: number
  /** The last look for which the session was present. */
  look: number
}

const REMEMBERED = 20_000

/** When the session entered its current state. */
const changeTime = ({ status, ...row }: SessionRow): number => {
  const time = { active: row.resumedAt, paused: row.pausedAt, ended: row.endedAt }[status]
  return (time ?? row.startedAt).getTime()
}

/**
 * What this process knows of the state of its sessions. A change is announced once, whichever way it became known: made
 * here, by a notice of another instance, or by a look at the rows, which have the last word. A change that was missed, or
 * that a failover of the database took back, is found by the next look, however long ago it was.
 */
export function createWatch(dependencies: Dependencies) {
  const { onStatus, onClaimed, onDeleted } = dependencies
  const known = new LRUCache<string, Known>(entryLimit(REMEMBERED))
  let tick = 0
  let looks = 0

  const note = (sessionId: string, { status, at }: Pick<Known, 'status' | 'at'>) =>
    void known.set(sessionId, { status, at, tick: ++tick, look: looks })

  const believed = (): Believed[] =>
    [...dependencies.present()].map(([id, epoch]) => {
      const state = known.get(id)
      if (state !== undefined) state.look = looks
      return { id, epoch, status: state?.status, at: state?.at ?? 0 }
    })

  const reconcile = ({ id, state }: Differing, asked: number): void => {
    const before = known.get(id)
    if (before !== undefined && before.tick > asked) return // it changed while the rows were read
    if (state === undefined) {
      onDeleted(id)
      return
    }
    const { status, at, reason, epoch } = state
    if (before?.status !== status || before.at !== at) {
      note(id, state)
      // Every session begins active.
      if (before !== undefined || status !== 'active') onStatus(id, { status, at, reason })
    }
    if (status !== 'ended') onClaimed(id, epoch)
  }

  const look = createPoll({
    ask: async () => {
      const asked = ++tick
      looks++
      return { asked, rows: await dependencies.listDiffering(believed()) }
    },
    take: ({ asked, rows }) => {
      for (const row of rows) reconcile(row, asked)
    },
    deadlineMs: dependencies.deadlineMs,
  })

  return {
    onClaimed,
    onDeleted,

    /** Applies a change that was made here or on another instance; false when it, or a later one, was known. */
    apply(sessionId: string, change: StatusChanged): boolean {
      const before = known.get(sessionId)
      const isEnd = change.status === 'ended' && before?.status !== 'ended'
      if (before !== undefined && change.at <= before.at && !isEnd) return false
      note(sessionId, change)
      onStatus(sessionId, change)
      return true
    },

    /** Reads a session for a socket that is about to be here: from then on its row is compared with what was read. */
    async read<Found extends { readonly session: SessionRow }>(
      find: () => Promise<Found | undefined>,
    ): Promise<Found | undefined> {
      const asked = ++tick
      const found = await find()
      if (found === undefined) return undefined
      const { session } = found
      const before = known.get(session.id)
      // Others who are here may have missed what was read now; the next look finds it for all of them.
      const isHere = before !== undefined && before.look >= looks - 1
      if (!isHere && (before?.tick ?? 0) < asked)
        note(session.id, { status: session.status, at: changeTime(session) })
      return found
    },

    /** Compares what is present with the rows. */
    look,
  }
}

export type Watch = ReturnType<typeof createWatch>
