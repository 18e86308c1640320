import type { Orm } from '../../db/orm.ts'
import {
  type AuditRow,
  CHECKPOINT,
  type ChainHash,
  fromGapText,
  fromHeadText,
  GAP,
  type Gap,
  type Head,
} from './chain.ts'
import type { AuditRepository } from './repository.ts'

type Dependencies = {
  readonly orm: Orm
  readonly repository: Pick<AuditRepository, 'listAttestations'>
  /** One per configured secret: the current one and older ones. A chain's name ends with the mark of its hash. */
  readonly hashes: readonly ChainHash[]
}

const PAGE = 1000

/** The hash that the chain's name refers to; undefined if its secret is not configured. */
export const findHash = (hashes: readonly ChainHash[], chain: string): ChainHash | undefined =>
  hashes.find(({ mark }) => chain.endsWith(`-${mark}`))

/** Whether the row was hashed with one of the secrets. */
export const isProven = (hashes: readonly ChainHash[], row: AuditRow): boolean =>
  findHash(hashes, row.chain)?.link(row).hash === row.hash

/** The heads of other chains in the row. */
export const readHeads = ({ details }: AuditRow): Head[] =>
  Object.entries(details).flatMap(([chain, text]) => fromHeadText(chain, text) ?? [])

/**
 * The rows of an attestation event, read page by page. Every client with write access to the database can add such a
 * row, so only rows with a valid hash are returned.
 */
export async function* listProven(
  { orm, repository, hashes }: Dependencies,
  event: string,
): AsyncGenerator<AuditRow> {
  for (let after = { chain: '', place: 0 }; ; ) {
    const rows = await repository.listAttestations(orm, event, after, PAGE)
    for (const row of rows) if (isProven(hashes, row)) yield row
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = { chain: last.chain, place: last.place }
  }
}

/** By chain: the last row that retention has attested to delete. */
export async function readCheckpoints(dependencies: Dependencies): Promise<Map<string, Head>> {
  const checkpoints = new Map<string, Head>()
  for await (const row of listProven(dependencies, CHECKPOINT)) {
    for (const head of readHeads(row))
      if (head.place >= (checkpoints.get(head.chain)?.place ?? 0)) checkpoints.set(head.chain, head)
  }
  return checkpoints
}

/** All attested losses of the database. */
export async function readGaps(dependencies: Dependencies): Promise<Gap[]> {
  const gaps: Gap[] = []
  for await (const { details } of listProven(dependencies, GAP))
    for (const [chain, text] of Object.entries(details)) gaps.push(...[fromGapText(chain, text) ?? []].flat())
  return gaps
}
