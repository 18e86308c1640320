import type { Span } from '../../lib/tracing.ts'
import type {
  AnswerRow,
  DeliveredWindow,
  Fence,
  Fenced,
  ReceivedCount,
  Refinement,
  WindowWrite,
} from './repository.ts'

/** One write that waits for the database. */
export type OutboxContent =
  | { readonly kind: 'window'; readonly write: WindowWrite; readonly span?: Span }
  /** `whole`: the window with its answer, to be stored when the row that was stored at its close is not there. */
  | {
      readonly kind: 'answer'
      readonly write: Fenced<AnswerRow>
      readonly whole: () => WindowWrite
      readonly span?: Span
    }
  | { readonly kind: 'delivered'; readonly write: DeliveredWindow }
  | { readonly kind: 'received'; readonly write: ReceivedCount }
  | { readonly kind: 'refined'; readonly write: Refinement }

export type WriteOf<Kind extends OutboxContent['kind']> = Extract<OutboxContent, { kind: Kind }>['write']

/** Memory of an entry beside its measures. */
const ENTRY_BYTES = 1024

export const leaseOf = ({ write: { owner, epoch } }: OutboxContent): Fence => ({ owner, epoch })

export const keyOf = (content: OutboxContent) => {
  if (content.kind === 'received') return { ...content.write, window: content.write.epoch }
  return 'row' in content.write ? content.write.row : content.write
}

export const sessionOf = (content: OutboxContent): string =>
  'row' in content.write ? content.write.row.sessionId : content.write.sessionId

/** Whether dropping the entry loses a result; for a window that waits for its answer the answer counts. */
export const isResult = (entry: OutboxContent): boolean =>
  entry.kind === 'answer' || (entry.kind === 'window' && entry.write.row.answeredAt !== null)

export const bytesOf = (content: OutboxContent): number =>
  ENTRY_BYTES +
  (content.kind === 'window' ? content.write.row.measures.length + (content.write.learnt?.length ?? 0) : 0)
