import { within } from './deadline.ts'

type Poll<Answer> = {
  readonly ask: () => Promise<Answer>
  readonly take: (answer: Answer) => void
  /** Deadline of an answer. */
  readonly deadlineMs: number
}

/** Limit of open queries: each hanging connection keeps one open. */
const MAX_OPEN = 3

/**
 * A poll: one query at a time, each with a deadline, so that a hanging connection does not stop the polling. Rejects
 * when the query fails or is late; a late answer is ignored.
 */
export function createPoll<Answer>({ ask, take, deadlineMs }: Poll<Answer>): () => Promise<void> {
  let isPolling = false
  let open = 0

  const askOnce = async (): Promise<Answer> => {
    open++
    try {
      return await ask()
    } finally {
      open--
    }
  }

  return async () => {
    if (isPolling || open >= MAX_OPEN) return
    isPolling = true
    try {
      const answer = await within(askOnce(), deadlineMs)
      if (answer === 'late') throw new Error('the database did not answer in time')
      take(answer)
    } finally {
      isPolling = false
    }
  }
}
