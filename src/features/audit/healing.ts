import { type AuditRow, type Details, GAP, HEALED, type Head, SEALED, toGapText } from './chain.ts'
import { headsOf } from './sworn.ts'

type Dependencies = {
  /** Of this process. */
  readonly chain: string
  readonly writer: { readonly recent: readonly AuditRow[]; readonly head: Omit<Head, 'chain'> }
  readonly insert: (rows: readonly AuditRow[]) => Promise<void>
  readonly listPlaces: (chain: string, from: number) => Promise<ReadonlySet<number>>
  /** The last stored place before this one; 0 when there is none. */
  readonly findPlaceBefore: (chain: string, place: number) => Promise<number>
  /** Which history of the database this is; rejects where the database does not say. */
  readonly findHistory: () => Promise<string>
  readonly note: (event: string, details: Details) => void
  readonly onHealed: (about: { readonly from: number; readonly to: number; readonly count: number }) => void
  readonly onGap: (about: { readonly chain: string; readonly from: number; readonly to: number }) => void
}

const BATCH = 200

/**
 * A failover to a standby that lags takes rows away whose commits were confirmed. What is still known of them is written
 * again as it was. What is not known is attested as a gap, but only where the database has a new history since the rows
 * were last seen: rows that disappear without one were taken away, and stay missing.
 */
export function createHealing(dependencies: Dependencies) {
  const { chain, writer, insert, listPlaces, findPlaceBefore, note, onHealed, onGap } = dependencies
  let history: string | undefined
  /** No gap is attested that reaches below this place: what is missing there was missing before the history changed. */
  let floor = 0
  let sealedBefore: readonly Head[] = []

  const attest = (gap: Head, before: number): void => {
    const { chain: named, place: to, hash } = gap
    note(GAP, { [named]: toGapText({ from: before + 1, to, hash }) })
    onGap({ chain: named, from: before + 1, to })
  }

  const writeAgain = async (lost: readonly AuditRow[]): Promise<void> => {
    const [first, last] = [lost[0], lost.at(-1)]
    if (first === undefined || last === undefined) return
    for (let i = 0; i < lost.length; i += BATCH) await insert(lost.slice(i, i + BATCH))
    const about = { from: first.place, to: last.place, count: lost.length }
    note(HEALED, about)
    onHealed(about)
  }

  /** Of chains that this one has sealed in the last hour the ends that are still missing. */
  const attestEnds = async (heads: readonly Head[]): Promise<void> => {
    for (const head of new Map(heads.map((one) => [one.chain, one])).values()) {
      if ((await listPlaces(head.chain, head.place)).size > 0) continue
      attest(head, await findPlaceBefore(head.chain, head.place))
    }
  }

  return {
    /** Looks whether what this chain has stored is still there. To be called once a minute or so, never twice at a time. */
    async heal(): Promise<void> {
      const { recent, head } = writer
      if (head.place === 0) return
      const present = await dependencies.findHistory().catch(() => undefined)
      const isNew = history !== undefined && present !== undefined && present !== history
      const [first] = recent
      const below = first === undefined ? head.place : first.place - 1
      const stored = await listPlaces(chain, below)
      const before = below > 0 && !stored.has(below) ? await findPlaceBefore(chain, below) : undefined
      await writeAgain(recent.filter(({ place }) => !stored.has(place)))

      if (before !== undefined) {
        if (isNew && before >= floor)
          attest({ chain, place: below, hash: first?.previous ?? head.hash }, before)
        floor = below
      }
      // A minute later, for the owners of those chains may put their rows back as well.
      await attestEnds(sealedBefore)
      sealedBefore = isNew ? recent.filter(({ event }) => event === SEALED).flatMap(headsOf) : []
      history = present ?? history
    },
  }
}
