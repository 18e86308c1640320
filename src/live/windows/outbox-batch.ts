import type { AnalysisRepository } from '../repository.ts'
import { keyOf, type OutboxContent, type WriteOf } from './outbox-content.ts'
import type { Client, Verdict } from './repository.ts'

export type OutboxRepository = Pick<
  AnalysisRepository,
  'insertWindows' | 'keyOf' | 'updateAnswers' | 'updateDelivered' | 'updateReceived' | 'updateRefined'
>

/** Writes a batch kind by kind: a window always comes before what is said about it. */
export async function writeBatch<Entry extends OutboxContent>(
  repository: OutboxRepository,
  client: Client,
  batch: readonly Entry[],
): Promise<ReadonlyMap<Entry, Verdict>> {
  const of = <Kind extends Entry['kind']>(kind: Kind) =>
    batch.filter((entry) => entry.kind === kind).map(({ write }) => write as WriteOf<Kind>) // as the kind says
  const [window, answer, received, delivered, refined] = await Promise.all([
    repository.insertWindows(client, of('window')),
    repository.updateAnswers(client, of('answer')),
    repository.updateReceived(client, of('received')),
    repository.updateDelivered(client, of('delivered')),
    repository.updateRefined(client, of('refined')),
  ])
  const verdicts = { window, answer, received, delivered, refined }
  return new Map(
    batch.flatMap((entry) => {
      const verdict = verdicts[entry.kind].get(repository.keyOf(keyOf(entry)))
      return verdict === undefined ? [] : [[entry, verdict] as const]
    }),
  )
}
