type Options = {
  /** Removes up to `limit` rows in the order of their age, behind the first `skipped` ones; returns how many. */
  readonly remove: (limit: number, skipped: number) => Promise<number>
  readonly batch: number
  /** Tries at most, failed ones included. */
  readonly maxTries: number
  /** Whether fewer rows may succeed where these have failed. */
  readonly isTooMuch: (error: unknown) => boolean
  /** Whether a single row that is too much is passed over; without it that error is thrown. */
  readonly onSkip?: (error: unknown) => void
  readonly signal?: AbortSignal
}

/**
 * Removes all rows, batch after batch. A batch that is too much is halved, and stays so; a single row that is too much
 * does not stop those behind it. Returns how many are gone.
 */
export async function removeAll(options: Options): Promise<number> {
  const { remove, batch, maxTries, isTooMuch, onSkip, signal } = options
  let [total, skipped, limit] = [0, 0, batch]
  for (let tries = 0; tries < maxTries && signal?.aborted !== true; tries++) {
    try {
      const removed = await remove(limit, skipped)
      total += removed
      if (removed < limit) break
    } catch (error) {
      if (!isTooMuch(error) || (limit === 1 && onSkip === undefined)) throw error
      if (limit === 1) {
        skipped++
        onSkip?.(error)
        limit = batch
      } else limit = Math.ceil(limit / 2)
    }
  }
  return total
}
