import { within } from './deadline.ts'

/** After this many failures of a batch its entries are written one by one, to find a faulty one. */
export const FAILURES_BEFORE_APART = 3
/** After this many failures without a success the cause is not an entry. */
const MAX_FAILED = 8

/** The write may still succeed. */
export class LateWriteError extends Error {
  constructor() {
    super('a write was not answered in time')
    this.name = 'LateWriteError'
  }
}

/** @throws LateWriteError when the write takes longer; the write is not cancelled. */
export async function writeWithin(write: Promise<void>, ms: number): Promise<void> {
  if ((await within(write, ms)) === 'late') throw new LateWriteError()
}

type Writes<Entry> = {
  readonly one: (entry: Entry) => Promise<'written' | 'failed' | 'skipped'>
  /** Whether all that remain were written, or need not be. */
  readonly rest: (entries: readonly Entry[]) => Promise<boolean>
}

/**
 * Writes the entries of a batch one by one, and those after the first success together: the database may have returned
 * meanwhile. If that fails, it continues one by one. Returns the entries that failed while others were written, which
 * are faulty themselves; none when nothing can be written.
 */
export async function findFaulty<Entry>(
  batch: readonly Entry[],
  { one, rest }: Writes<Entry>,
): Promise<readonly Entry[]> {
  const failed: Entry[] = []
  let isAnyWritten = false
  for (const [place, entry] of batch.entries()) {
    const outcome = await one(entry)
    if (outcome === 'failed') failed.push(entry)
    if (outcome === 'written' && !isAnyWritten) {
      isAnyWritten = true
      if (await rest(batch.slice(place + 1))) break
    }
    if (!isAnyWritten && failed.length >= MAX_FAILED) return []
  }
  return isAnyWritten ? failed : []
}
