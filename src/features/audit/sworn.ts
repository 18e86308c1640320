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
  readonly repository: Pick<AuditRepository, 'listSworn'>
  /** By the mark that ends a chain's name: the present secret's, and older ones' that are still known. */
  readonly hashes: readonly ChainHash[]
}

const PAGE = 1000

/** Of the secret that a chain says it was written under; undefined when that one is not known. */
export const hashOf = (hashes: readonly ChainHash[], chain: string): ChainHash | undefined =>
  hashes.find(({ mark }) => chain.endsWith(`-${mark}`))

/** Whether whoever wrote the row knew one of the secrets. */
export const isProven = (hashes: readonly ChainHash[], row: AuditRow): boolean =>
  hashOf(hashes, row.chain)?.link(row).hash === row.hash

/** What the row says of other chains. */
export const headsOf = ({ details }: AuditRow): Head[] =>
  Object.entries(details).flatMap(([chain, text]) => fromHeadText(chain, text) ?? [])

/**
 * The rows of such an event, a page at a time. Anyone who can write to the database can add one, so only those count
 * whose own hash holds.
 */
export async function* listProven(
  { orm, repository, hashes }: Dependencies,
  event: string,
): AsyncGenerator<AuditRow> {
  for (let after = { chain: '', place: 0 }; ; ) {
    const rows = await repository.listSworn(orm, event, after, PAGE)
    for (const row of rows) if (isProven(hashes, row)) yield row
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = { chain: last.chain, place: last.place }
  }
}

/** By chain: the last row that retention has said it takes away. */
export async function readCheckpoints(dependencies: Dependencies): Promise<Map<string, Head>> {
  const checkpoints = new Map<string, Head>()
  for await (const row of listProven(dependencies, CHECKPOINT)) {
    for (const head of headsOf(row))
      if (head.place >= (checkpoints.get(head.chain)?.place ?? 0)) checkpoints.set(head.chain, head)
  }
  return checkpoints
}

/** Every loss of the database that is attested. */
export async function readGaps(dependencies: Dependencies): Promise<Gap[]> {
  const gaps: Gap[] = []
  for await (const { details } of listProven(dependencies, GAP))
    for (const [chain, text] of Object.entries(details)) gaps.push(...[fromGapText(chain, text) ?? []].flat())
  return gaps
}
