type Options = {
  /** Deletes up to `limit` rows, oldest first, after the first `skipped` ones; returns their number. */
  readonly remove: (limit: number, skipped: number) => Promise<number>
  readonly batch: number
  /** Maximum number of attempts, including failed ones. */
  readonly maxTries: number
  /** Whether the same call with fewer rows may succeed. */
  readonly isTooLarge: (error: unknown) => boolean
  /** Called for a single row that fails and is skipped. Without it the error is thrown. */
  readonly onSkip?: (error: unknown) => void
  readonly signal?: AbortSignal
}

/**
 * Removes all rows in batches. The size of a batch that is too large is halved for the following ones; a single row
 * that is too large is skipped. Returns the number of removed rows.
 */
export async function removeAll(options: Options): Promise<number> {
  const { remove, batch, maxTries, isTooLarge, onSkip, signal } = options
  let [total, skipped, limit] = [0, 0, batch]
  for (let tries = 0; tries < maxTries && signal?.aborted !== true; tries++) {
    try {
      const removed = await remove(limit, skipped)
      total += removed
      if (removed < limit) break
    } catch (error) {
      if (!isTooLarge(error) || (limit === 1 && onSkip === undefined)) throw error
      if (limit === 1) {
        skipped++
        onSkip?.(error)
        limit = batch
      } else limit = Math.ceil(limit / 2)
    }
  }
  return total
}
