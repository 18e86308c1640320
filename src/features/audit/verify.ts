import type { Orm } from '../../db/orm.ts'
import {
  type AuditRow,
  BEGINNING,
  CHECKPOINT,
  type ChainHash,
  fromHeadText,
  type Head,
  SEALED,
} from './chain.ts'
import type { AuditRepository } from './repository.ts'

export type Finding = {
  readonly chain: string
  readonly place: number
  /** `altered`: a row is not what was written, `missing`: one is not there, `unproven`: hashed under a secret not given. */
  readonly kind: 'altered' | 'missing' | 'unproven'
  readonly what: string
}

export type Verdict = {
  readonly chains: number
  readonly rows: number
  readonly findings: readonly Finding[]
}

type Dependencies = {
  readonly orm: Orm
  readonly repository: AuditRepository
  /** By the mark that ends a chain's name: the present secret's, and older ones' that are still known. */
  readonly hashes: readonly ChainHash[]
}

const PAGE = 1000
const MOST_FINDINGS = 1000

/** Reads the whole trail, a page at a time, and tells every row that is not as it was written. */
export async function verifyTrail({ orm, repository, hashes }: Dependencies): Promise<Verdict> {
  const findings: Finding[] = []
  const found = (finding: Finding) => {
    if (findings.length < MOST_FINDINGS) findings.push(finding)
  }
  /** By chain: what its first rows followed, each time that older ones were taken away. */
  const checkpoints = new Map<string, Map<number, string>>()
  for await (const row of sworn([CHECKPOINT])) {
    for (const { chain, place, hash } of headsOf(row))
      checkpoints.set(chain, (checkpoints.get(chain) ?? new Map<number, string>()).set(place, hash))
  }

  async function* sworn(events: readonly string[]): AsyncGenerator<AuditRow> {
    for (let after = { chain: '', place: 0 }; ; ) {
      const rows = await repository.listSworn(orm, events, after, PAGE)
      yield* rows
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE) return
      after = { chain: last.chain, place: last.place }
    }
  }

  const verifyChain = async (chain: string): Promise<number> => {
    const hash = hashes.find(({ mark }) => chain.endsWith(`-${mark}`))
    if (hash === undefined)
      found({ chain, place: 0, kind: 'unproven', what: 'written under a secret that was not given' })
    let count = 0
    let before: Pick<Head, 'place' | 'hash'> | undefined
    for (let from = 1; ; ) {
      const rows = await repository.listRows(orm, chain, from, PAGE)
      for (const row of rows) {
        before ??= beginning(checkpoints.get(chain), row)
        for (const finding of faultsOf(row, before, hash)) found(finding)
        before = row
        count++
      }
      if (rows.length < PAGE) return count
      from = (rows.at(-1)?.place ?? from) + 1
    }
  }

  const chains = await repository.listChains(orm)
  let rows = 0
  for (const chain of chains) rows += await verifyChain(chain)
  for await (const row of sworn([SEALED])) {
    for (const head of headsOf(row)) {
      const there = await repository.findRow(orm, head.chain, head.place)
      const gone = Math.max(0, ...(checkpoints.get(head.chain)?.keys() ?? []))
      if (there === undefined ? head.place <= gone : there.hash === head.hash) continue
      const kind = there === undefined ? 'missing' : 'altered'
      found({ chain: head.chain, place: head.place, kind, what: `not the row that ${row.chain} has sealed` })
    }
  }
  return { chains: chains.length, rows, findings }
}

/** What the first row that is there has to follow: nothing, or what retention has left. */
function beginning(checkpoints: ReadonlyMap<number, string> | undefined, { place }: AuditRow) {
  const hash = checkpoints?.get(place - 1)
  return hash === undefined ? { place: 0, hash: BEGINNING } : { place: place - 1, hash }
}

function faultsOf(
  row: AuditRow,
  before: Pick<Head, 'place' | 'hash'>,
  hash: ChainHash | undefined,
): Finding[] {
  const { chain, place } = row
  if (place !== before.place + 1)
    return [{ chain, place: before.place + 1, kind: 'missing', what: 'the row at this place is not there' }]
  const faults: Finding[] = []
  if (row.previous !== before.hash)
    faults.push({ chain, place, kind: 'altered', what: 'does not follow the row before it' })
  if (hash !== undefined && hash.link(row).hash !== row.hash)
    faults.push({ chain, place, kind: 'altered', what: 'is not what was written' })
  return faults
}

const headsOf = ({ details }: AuditRow): Head[] =>
  Object.entries(details).flatMap(([chain, text]) => fromHeadText(chain, text) ?? [])
