import type { Language } from '../domain/language.ts'
import type { SessionStatus } from '../domain/session.ts'
import type { Safe } from '../lib/sealing.ts'
import type { WindowAnswer } from '../protocol/session-events.ts'
import type { Learnt } from './face/learnt.ts'
import type { LeaseClaim } from './leases/lease.ts'

/** A session as a process begins to serve it. Times in ms since the epoch, by the database's clock. */
export type SessionStart = {
  readonly id: string
  readonly status: SessionStatus
  readonly startedAt: number
  readonly intervalMs: number
  /** By how much the database's clock is ahead of our monotonic one, ms. */
  readonly clockOffset: number
  /** Of the lease under which this process serves the session. */
  readonly epoch: number
  /** The last stored window of any owner; 0 when there is none. */
  readonly lastWindow: number
  /** Answers that an earlier owner could not deliver, in order. */
  readonly undelivered: readonly WindowAnswer[]
  /** Of every sentence that is made for the session. */
  readonly language: Language
  /** What is known of the person already. */
  readonly learnt: Learnt
  readonly userId: number
  /** Seals what is stored of the person. */
  readonly safe: Safe
}

/** A session that is ready to be fed; its holder feeds it, or releases the claim. */
export type ClaimedStart = SessionStart & { readonly claim: LeaseClaim }
