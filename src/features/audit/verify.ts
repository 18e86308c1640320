import type { Orm } from '../../db/orm.ts'
import { type AuditRow, BEGINNING, type ChainHash, HEALED, type Head, SEALED } from './chain.ts'
import type { AuditRepository } from './repository.ts'
import { findHash, listProven, readCheckpoints, readGaps, readHeads } from './attestations.ts'

type Finding = {
  readonly chain: string
  readonly place: number
  /**
   * `altered`: a row was changed, `missing`: a row does not exist, `unproven`: hashed with a secret that was not
   * provided.
   */
  readonly kind: 'altered' | 'missing' | 'unproven'
  readonly what: string
}

export type Verdict = {
  readonly chains: number
  readonly rows: number
  readonly findings: readonly Finding[]
  /** Losses of the database that the trail attests. They are not faults of the trail. */
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
  /** One per provided secret: the current one and older ones. */
  readonly hashes: readonly ChainHash[]
  /** Called after each page, with the number of rows that were read. */
  readonly onProgress?: (rows: number) => void
}

type Link = Pick<Head, 'place' | 'hash'>

const PAGE = 1000
/** Limit per kind, so that no kind displaces another. */
const MAX_FINDINGS = 1000

/** Reads the whole trail page by page and reports every changed or missing row. */
export async function verifyTrail(dependencies: Dependencies): Promise<Verdict> {
  const { orm, repository, hashes } = dependencies
  const { findings, addFinding } = createFindings()
  const checkpoints = await readCheckpoints(dependencies)
  const gaps = await readGaps(dependencies)
  const losses = new Map<string, Loss>()
  const addLoss = (loss: Loss) => losses.set(`${loss.chain} ${loss.from} ${loss.to}`, loss)
  for await (const { chain, details } of listProven(dependencies, HEALED))
    addLoss({ chain, from: Number(details['from']), to: Number(details['to']), isHealed: true })
  /** The previous row, or the end of an attested gap between the previous row and this one. */
  const getPredecessor = (row: AuditRow, before: Link): Link => {
    const gap = gaps.find(
      ({ chain, from, to, hash }) =>
        chain === row.chain && from === before.place + 1 && to === row.place - 1 && hash === row.previous,
    )
    if (gap === undefined) return before
    addLoss({ chain: row.chain, from: gap.from, to: gap.to, isHealed: false })
    return { place: gap.to, hash: gap.hash }
  }

  let read = 0
  const verifyChain = async (chain: string): Promise<number> => {
    const hash = findHash(hashes, chain)
    if (hash === undefined)
      addFinding({ chain, place: 0, kind: 'unproven', what: 'hashed with a secret that was not provided' })
    let count = 0
    let before: Link | undefined
    for (let from = 1; ; ) {
      const rows = await repository.listRows(orm, chain, from, PAGE)
      for (const row of rows) {
        before ??= getFirstPredecessor(checkpoints.get(chain), row)
        for (const finding of findFaults(row, getPredecessor(row, before), hash)) addFinding(finding)
        before = row
        count++
      }
      read += rows.length
      dependencies.onProgress?.(read)
      if (rows.length < PAGE) return count
      from = (rows.at(-1)?.place ?? from) + 1
    }
  }

  const verifyHead = async ({ chain, place, hash }: Head, sealedBy: string): Promise<void> => {
    const row = await repository.findRow(orm, chain, place)
    const isValid = row === undefined ? place <= (checkpoints.get(chain)?.place ?? 0) : row.hash === hash
    if (isValid) return
    const gap = gaps.find((one) => one.chain === chain && one.from <= place && place <= one.to)
    if (row === undefined && gap !== undefined) {
      addLoss({ chain, from: gap.from, to: gap.to, isHealed: false })
      return
    }
    const kind = row === undefined ? 'missing' : 'altered'
    addFinding({ chain, place, kind, what: `not the row that ${sealedBy} sealed` })
  }

  const chains = await repository.listChains(orm)
  let rows = 0
  for (const chain of chains) rows += await verifyChain(chain)
  for await (const row of listProven(dependencies, SEALED))
    for (const head of readHeads(row)) await verifyHead(head, row.chain)
  return { chains: chains.length, rows, findings, losses: [...losses.values()] }
}

function createFindings() {
  const findings: Finding[] = []
  const counts = new Map<Finding['kind'], number>()
  const addFinding = (finding: Finding) => {
    const count = counts.get(finding.kind) ?? 0
    if (count >= MAX_FINDINGS) return
    counts.set(finding.kind, count + 1)
    findings.push(finding)
  }
  return { findings, addFinding }
}

/**
 * The expected predecessor of the first stored row: none, or the last deleted row. Retention may have deleted only a
 * part.
 */
function getFirstPredecessor(checkpoint: Head | undefined, { place, previous }: AuditRow): Link {
  if (checkpoint === undefined || place === 1) return { place: 0, hash: BEGINNING }
  return place <= checkpoint.place ? { place: place - 1, hash: previous } : checkpoint
}

function findFaults(row: AuditRow, before: Link, hash: ChainHash | undefined): Finding[] {
  const { chain, place } = row
  if (place !== before.place + 1)
    return [{ chain, place: before.place + 1, kind: 'missing', what: 'the row at this place is missing' }]
  const faults: Finding[] = []
  if (row.previous !== before.hash)
    faults.push({ chain, place, kind: 'altered', what: 'does not follow the previous row' })
  if (hash !== undefined && hash.link(row).hash !== row.hash)
    faults.push({ chain, place, kind: 'altered', what: 'was changed after it was written' })
  return faults
}
