/**
 * Names of rows whose fields are sealed, known before a row is written: a field opens in its own row alone. Rows that
 * have none beyond their number are bound to their owner.
 */
export const windowRow = (sessionId: string, window: number): string => `${sessionId} ${window}`

/** The column of a neutral face: it goes from a person's row to their session's and back as it is. */
export const BASELINE = 'baseline'

/** No two findings of a session have the same time. */
export const findingRow = (sessionId: string, at: Date): string => `${sessionId} ${at.toISOString()}`

/** A session has one exchange at a time, so that its time names it. */
export const exchangeRow = (sessionId: string, createdAt: Date): string =>
  `${sessionId} ${createdAt.toISOString()}`
