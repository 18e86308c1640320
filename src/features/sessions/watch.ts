import { LRUCache } from 'lru-cache'
import type { StatusChanged } from './service.ts'

type ChangedRow = {
  readonly id: string
  readonly status: StatusChanged['status']
  readonly epoch: number
  readonly pausedAt: Date | null
  readonly resumedAt: Date | null
  readonly endedAt: Date | null
  readonly endReason: StatusChanged['reason']
  /** Whether its state has changed in that time; else only its owner has. */
  readonly moved: boolean
}

type Dependencies = {
  /** Sessions whose state or owner changed within the last `ms`, by the database's clock. */
  readonly listChanged: (ms: number) => Promise<readonly ChangedRow[]>
  /** Sessions that are served or watched here. */
  readonly present: () => readonly string[]
  /** Those of them whose rows are not there any more. */
  readonly listMissing: (ids: readonly string[]) => Promise<readonly string[]>
  readonly onStatus: (sessionId: string, change: StatusChanged) => void
  readonly onDeleted: (sessionId: string) => void
  readonly onClaimed: (sessionId: string, epoch: number) => void
}

const REMEMBERED = 20_000
/** Longer than any transaction that moves a session: its time stamp is older than its commit. */
const OVERLAP_MS = 10_000

const timeOf = (row: ChangedRow): number => {
  const time = { active: row.resumedAt, paused: row.pausedAt, ended: row.endedAt }[row.status]
  return time?.getTime() ?? 0
}

/**
 * Each change of a session's state is told once in this process, whichever way it became known: made here, by a notice
 * of another instance, or found in the rows by looking. That a session was deleted may be told more than once.
 */
export function createWatch(dependencies: Dependencies) {
  const { onStatus, onClaimed, onDeleted } = dependencies
  const told = new LRUCache<string, number>({ max: REMEMBERED })
  let looking = false

  const tell = (sessionId: string, change: StatusChanged) => {
    if ((told.get(sessionId) ?? 0) >= change.at) return
    told.set(sessionId, change.at)
    onStatus(sessionId, change)
  }

  return {
    tell,
    onClaimed,
    onDeleted,

    /** Looks at the rows; a look that is still under way is enough. */
    async look(): Promise<void> {
      if (looking) return
      looking = true
      try {
        for (const row of await dependencies.listChanged(OVERLAP_MS)) {
          const at = timeOf(row)
          if (row.moved) tell(row.id, { status: row.status, at, reason: row.endReason })
          onClaimed(row.id, row.epoch)
        }
        // A row that is gone has no time of its change.
        for (const id of await dependencies.listMissing(dependencies.present())) onDeleted(id)
      } finally {
        looking = false
      }
    },
  }
}

export type Watch = ReturnType<typeof createWatch>
