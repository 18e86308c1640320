/** A lease: this session under this epoch. */
export type LeaseKey = { readonly sessionId: string; readonly epoch: number }

/** What a renewal found of the leases that it did not extend. */
export type Renewal = {
  /** Of another owner now. */
  readonly lost: readonly string[]
  /** Their sessions are deleted. */
  readonly deleted: readonly string[]
  /** Still held as far as is known; their rows were locked by another transaction. */
  readonly skipped: readonly string[]
}

/**
 * The result of a claim, to be used up in one of two ways; a second use has no effect. The lease is kept for as long as
 * it is fed or another claim of it is open.
 */
export type LeaseClaim = {
  readonly epoch: number
  /**
   * The session has a socket now, and the lease is kept until it is released. False when it has been lost meanwhile.
   * While `isActive` returns false it is not renewed: it expires, and another instance may claim the session.
   */
  readonly feed: (isActive?: () => boolean) => boolean
  /** The session gets no socket. */
  readonly release: () => void
}

/** A lease of this process. */
export type Held = {
  readonly epoch: number
  validUntil: number
  /** Time of the last claim. */
  claimedAt: number
  /** Open claims. */
  readonly claims: Set<LeaseClaim>
  isFed: boolean
  isActive: () => boolean
}

export const newLease = (epoch: number): Held => ({
  epoch,
  validUntil: 0,
  claimedAt: 0,
  claims: new Set(),
  isFed: false,
  isActive: () => true,
})
