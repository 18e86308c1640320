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
  readonly onStatus: (sessionId: string, change: StatusChanged) => void
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
 * of another instance, or found in the rows by looking.
 */
export function createWatch({ listChanged, onStatus, onClaimed }: Dependencies) {
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

    /** Looks at the rows; a look that is still under way is enough. */
    async look(): Promise<void> {
      if (looking) return
      looking = true
      try {
        for (const row of await listChanged(OVERLAP_MS)) {
          const at = timeOf(row)
          if (row.moved) tell(row.id, { status: row.status, at, reason: row.endReason })
          onClaimed(row.id, row.epoch)
        }
      } finally {
        looking = false
      }
    },
  }
}

export type Watch = ReturnType<typeof createWatch>
