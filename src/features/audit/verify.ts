import type { Orm } from '../../db/orm.ts'
import { type AuditRow, BEGINNING, type ChainHash, HEALED, type Head, SEALED } from './chain.ts'
import type { AuditRepository } from './repository.ts'
import { hashOf, headsOf, listProven, readCheckpoints, readGaps } from './sworn.ts'

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
  /** What the database has lost by the trail's own word, and whether it was written again: no fault of the trail. */
  readonly losses: readonly Loss[]
}

export type Loss = {
  readonly chain: string
  readonly from: number
  readonly to: number
  readonly isHealed: boolean
}

type Dependencies = {
  readonly orm: Orm
  readonly repository: AuditRepository
  /** By the mark that ends a chain's name: the present secret's, and older ones' that are still known. */
  readonly hashes: readonly ChainHash[]
}

type Link = Pick<Head, 'place' | 'hash'>

const PAGE = 1000
/** Of each kind, so that none can crowd another out. */
const MOST_FINDINGS = 1000

/** Reads the whole trail, a page at a time, and tells every row that is not as it was written. */
export async function verifyTrail(dependencies: Dependencies): Promise<Verdict> {
  const { orm, repository, hashes } = dependencies
  const { findings, found } = createFindings()
  const checkpoints = await readCheckpoints(dependencies)
  const gaps = await readGaps(dependencies)
  const losses = new Map<string, Loss>()
  const lost = (loss: Loss) => losses.set(`${loss.chain} ${loss.from} ${loss.to}`, loss)
  for await (const { chain, details } of listProven(dependencies, HEALED))
    lost({ chain, from: Number(details['from']), to: Number(details['to']), isHealed: true })
  /** The row before this one, or the end of an attested gap that begins where the row before it ends. */
  const follows = (row: AuditRow, before: Link): Link => {
    const gap = gaps.find(
      ({ chain, from, to, hash }) =>
        chain === row.chain && from === before.place + 1 && to === row.place - 1 && hash === row.previous,
    )
    if (gap === undefined) return before
    lost({ chain: row.chain, from: gap.from, to: gap.to, isHealed: false })
    return { place: gap.to, hash: gap.hash }
  }

  const verifyChain = async (chain: string): Promise<number> => {
    const hash = hashOf(hashes, chain)
    if (hash === undefined)
      found({ chain, place: 0, kind: 'unproven', what: 'written under a secret that was not given' })
    let count = 0
    let before: Link | undefined
    for (let from = 1; ; ) {
      const rows = await repository.listRows(orm, chain, from, PAGE)
      for (const row of rows) {
        before ??= beginning(checkpoints.get(chain), row)
        for (const finding of faultsOf(row, follows(row, before), hash)) found(finding)
        before = row
        count++
      }
      if (rows.length < PAGE) return count
      from = (rows.at(-1)?.place ?? from) + 1
    }
  }

  const verifyHead = async ({ chain, place, hash }: Head, sealedBy: string): Promise<void> => {
    const there = await repository.findRow(orm, chain, place)
    const isRight = there === undefined ? place <= (checkpoints.get(chain)?.place ?? 0) : there.hash === hash
    if (isRight) return
    const gap = gaps.find((one) => one.chain === chain && one.from <= place && place <= one.to)
    if (there === undefined && gap !== undefined) {
      lost({ chain, from: gap.from, to: gap.to, isHealed: false })
      return
    }
    const kind = there === undefined ? 'missing' : 'altered'
    found({ chain, place, kind, what: `not the row that ${sealedBy} has sealed` })
  }

  const chains = await repository.listChains(orm)
  let rows = 0
  for (const chain of chains) rows += await verifyChain(chain)
  for await (const row of listProven(dependencies, SEALED))
    for (const head of headsOf(row)) await verifyHead(head, row.chain)
  return { chains: chains.length, rows, findings, losses: [...losses.values()] }
}

function createFindings() {
  const findings: Finding[] = []
  const counts = new Map<Finding['kind'], number>()
  const found = (finding: Finding) => {
    const count = counts.get(finding.kind) ?? 0
    if (count >= MOST_FINDINGS) return
    counts.set(finding.kind, count + 1)
    findings.push(finding)
  }
  return { findings, found }
}

/** What the first row that is there has to follow: nothing, or what retention takes away, some of which may be left. */
function beginning(gone: Head | undefined, { place, previous }: AuditRow): Link {
  if (gone === undefined || place === 1) return { place: 0, hash: BEGINNING }
  return place <= gone.place ? { place: place - 1, hash: previous } : gone
}

function faultsOf(row: AuditRow, before: Link, hash: ChainHash | undefined): Finding[] {
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
