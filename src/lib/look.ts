import { within } from './deadline.ts'

type Look<Answer> = {
  readonly ask: () => Promise<Answer>
  readonly take: (answer: Answer) => void
  /** How long an answer is waited for. */
  readonly deadlineMs: number
}

/** A connection that hangs costs one question; more than these are never open. */
const MAX_OPEN = 3

/**
 * A question that is asked again and again: one at a time, and a late answer is not waited for, so that one connection
 * that hangs does not stop the looking. Rejects when the answer is an error or late; a late answer is not taken.
 */
export function createLook<Answer>({ ask, take, deadlineMs }: Look<Answer>): () => Promise<void> {
  let isLooking = false
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
    if (isLooking || open >= MAX_OPEN) return
    isLooking = true
    try {
      const answer = await within(askOnce(), deadlineMs)
      if (answer === 'late') throw new Error('the database has not answered in time')
      take(answer)
    } finally {
      isLooking = false
    }
  }
}
