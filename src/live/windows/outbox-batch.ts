import type { AnalysisRepository } from '../repository.ts'
import { keyOf, type OutboxContent, type WriteOf } from './outbox-content.ts'
import type { Client, Verdict, Verdicts } from './repository.ts'

export type OutboxRepository = Pick<
  AnalysisRepository,
  | 'insertAndMark'
  | 'insertWindows'
  | 'keyOf'
  | 'updateAnswers'
  | 'updateDelivered'
  | 'updateReceived'
  | 'updateRefined'
>

type Kind = OutboxContent['kind']

type Work<Entry> = {
  /** The number of statements: several need a transaction. */
  readonly statements: number
  readonly write: (client: Client) => Promise<ReadonlyMap<Entry, Verdict>>
}

/** How a batch is written, kind by kind: a window always comes before what is said about it. */
export function planBatch<Entry extends OutboxContent>(
  repository: OutboxRepository,
  batch: readonly Entry[],
): Work<Entry> {
  const of = <One extends Kind>(kind: One) =>
    batch.filter((entry) => entry.kind === kind).map(({ write }) => write as WriteOf<One>) // as the kind says
  const verdictsOf = (verdicts: Readonly<Partial<Record<Kind, Verdicts>>>) =>
    new Map(
      batch.flatMap((entry) => {
        const verdict = verdicts[entry.kind]?.get(repository.keyOf(keyOf(entry)))
        return verdict === undefined ? [] : [[entry, verdict] as const]
      }),
    )
  const [windows, delivered] = [of('window'), of('delivered')]
  if (isInsertAndMark(repository, batch))
    return {
      statements: 1,
      write: async (client) => verdictsOf(await repository.insertAndMark(client, windows, delivered)),
    }
  return {
    statements: new Set(batch.map(({ kind }) => kind)).size,
    write: async (client) => {
      const results = await Promise.all([
        repository.insertWindows(client, windows),
        repository.updateAnswers(client, of('answer')),
        repository.updateReceived(client, of('received')),
        repository.updateDelivered(client, delivered),
        repository.updateRefined(client, of('refined')),
      ])
      const [window, answer, received, marked, refined] = results
      return verdictsOf({ window, answer, received, delivered: marked, refined })
    },
  }
}

/** Whether the batch holds windows and marks of other windows, and nothing else. */
function isInsertAndMark({ keyOf: toKey }: OutboxRepository, batch: readonly OutboxContent[]): boolean {
  const keysOf = (kind: Kind) =>
    batch.filter((entry) => entry.kind === kind).map((entry) => toKey(keyOf(entry)))
  const windows = new Set(keysOf('window'))
  const marks = keysOf('delivered')
  return (
    windows.size > 0 &&
    marks.length > 0 &&
    batch.every(({ kind }) => kind === 'window' || kind === 'delivered') &&
    !marks.some((key) => windows.has(key))
  )
}
