import type { OutboxRepository } from './outbox-batch.ts'
import type { OutboxContent } from './outbox-content.ts'
import type { Client, Fence } from './repository.ts'

type SessionLease = { readonly sessionId: string } & Fence

/** Why a result was not stored; `not_ours`: its session has another owner or was deleted. */
export type DropReason = 'outbox_full' | 'refused_by_database' | 'not_ours' | 'shutdown'

export type OutboxDependencies = {
  /** Runs this many statements, all or none; `work` sends them in order without waiting in between. */
  readonly transaction: <T>(statements: number, work: (client: Client) => Promise<T>) => Promise<T>
  readonly repository: OutboxRepository
  /** Whether the same write may succeed later. */
  readonly isPassing: (error: unknown) => boolean
  /** Called with the number of waiting entries whenever it changes. */
  readonly onWaiting: (count: number) => void
  readonly onStored: (contents: readonly OutboxContent[]) => void
  readonly onRetry: (error: unknown, waiting: number) => void
  readonly onDrop: (reason: DropReason, sessionId: string, error?: unknown) => void
  /** Whether the lease of a write is still held, as far as is known here. */
  readonly holds: (lease: SessionLease) => boolean
  /** Another owner has the session. */
  readonly onLost: (lease: SessionLease) => void
  /** The database has lost a claim of this process: corrects the leases. Never rejects. */
  readonly onBehind: () => Promise<void>
  /** The results of a session have waited for long because another transaction has locked its row. */
  readonly onLocked: (sessionId: string) => void
  readonly maxWindowsPerSession: number
  readonly maxBytes: number
}
