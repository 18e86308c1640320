import { type AuditRow, type Details, GAP, HEALED, type Head, SEALED, toGapText } from './chain.ts'
import { readHeads } from './attestations.ts'

type Dependencies = {
  /** The chain of this process. */
  readonly chain: string
  readonly writer: { readonly recent: readonly AuditRow[]; readonly head: Omit<Head, 'chain'> }
  readonly insert: (rows: readonly AuditRow[]) => Promise<void>
  readonly listPlaces: (chain: string, from: number) => Promise<ReadonlySet<number>>
  /** The last stored place before `place`; 0 if there is none. */
  readonly findPlaceBefore: (chain: string, place: number) => Promise<number>
  /** Identifies the history of the database; rejects if the database does not provide it. */
  readonly findHistory: () => Promise<string>
  readonly note: (event: string, details: Details) => void
  readonly onHealed: (about: { readonly from: number; readonly to: number; readonly count: number }) => void
  readonly onGap: (about: { readonly chain: string; readonly from: number; readonly to: number }) => void
}

const BATCH = 200

/**
 * A failover to a standby that lags loses rows whose commits were confirmed. Rows that are still in memory are written
 * again unchanged. Other lost rows are attested as a gap, but only if the database has a new history since they were
 * last seen: rows that disappear without a new history were deleted, and stay missing.
 */
export function createHealing(dependencies: Dependencies) {
  const { chain, writer, insert, listPlaces, findPlaceBefore, note, onHealed, onGap } = dependencies
  let history: string | undefined
  /** No gap below this place is attested: rows missing there were missing before the history changed. */
  let floor = 0
  let sealedBefore: readonly Head[] = []

  const attest = (gap: Head, before: number): void => {
    const { chain: lostFrom, place: to, hash } = gap
    note(GAP, { [lostFrom]: toGapText({ from: before + 1, to, hash }) })
    onGap({ chain: lostFrom, from: before + 1, to })
  }

  const rewrite = async (lost: readonly AuditRow[]): Promise<void> => {
    const [first, last] = [lost[0], lost.at(-1)]
    if (first === undefined || last === undefined) return
    for (let i = 0; i < lost.length; i += BATCH) await insert(lost.slice(i, i + BATCH))
    const about = { from: first.place, to: last.place, count: lost.length }
    note(HEALED, about)
    onHealed(about)
  }

  /** Attests the last rows, if still missing, of chains that this chain sealed in the last hour. */
  const attestEnds = async (heads: readonly Head[]): Promise<void> => {
    for (const head of new Map(heads.map((one) => [one.chain, one])).values()) {
      if ((await listPlaces(head.chain, head.place)).size > 0) continue
      attest(head, await findPlaceBefore(head.chain, head.place))
    }
  }

  return {
    /** Checks that the rows of this chain are still stored. Call it about once a minute, never concurrently. */
    async heal(): Promise<void> {
      const { recent, head } = writer
      if (head.place === 0) return
      const present = await dependencies.findHistory().catch(() => undefined)
      const isNew = history !== undefined && present !== undefined && present !== history
      const [first] = recent
      const below = first === undefined ? head.place : first.place - 1
      const stored = await listPlaces(chain, below)
      const before = below > 0 && !stored.has(below) ? await findPlaceBefore(chain, below) : undefined
      await rewrite(recent.filter(({ place }) => !stored.has(place)))

      if (before !== undefined) {
        if (isNew && before >= floor)
          attest({ chain, place: below, hash: first?.previous ?? head.hash }, before)
        floor = below
      }
      // A minute later, because the owners of those chains may have rewritten their rows by then.
      await attestEnds(sealedBefore)
      sealedBefore = isNew ? recent.filter(({ event }) => event === SEALED).flatMap(readHeads) : []
      history = present ?? history
    },
  }
}
