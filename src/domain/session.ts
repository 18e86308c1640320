/** Closed lists of a session's life. Database checks, wire schemas and documents read these. */
export const SESSION_STATUSES = ['active', 'paused', 'ended'] as const
export type SessionStatus = (typeof SESSION_STATUSES)[number]

export const END_REASONS = [
  'requested',
  'logged_out',
  'abandoned',
  'consent_withdrawn',
  'account_deleted',
] as const
export type EndReason = (typeof END_REASONS)[number]

/** Whether an end for this reason takes back what allowed the person to be analysed: nothing more of it is stored then. */
export const isTakenBack = (reason: EndReason | null): boolean =>
  reason === 'consent_withdrawn' || reason === 'account_deleted'

/** Who answered a window. */
export const ANSWER_SOURCES = ['gemini', 'local'] as const
export type AnswerSource = (typeof ANSWER_SOURCES)[number]

/** The highest window number that an integer column holds; a higher one from a client is after all windows as well. */
export const LAST_WINDOW = 2 ** 31 - 1

export const CHANNELS = ['landmarks', 'voice', 'session'] as const
export type Channel = (typeof CHANNELS)[number]

export type SessionCommand = 'pause' | 'resume' | 'end'

/** What a command does to a session in a given state. */
export type Transition =
  | { readonly kind: 'move'; readonly to: SessionStatus }
  /** The session is already there: the command is answered as if it had just been carried out. */
  | { readonly kind: 'stay' }
  /** The session has ended and cannot be moved any more. */
  | { readonly kind: 'refuse' }

const MOVE = (to: SessionStatus): Transition => ({ kind: 'move', to })
const STAY: Transition = { kind: 'stay' }
const REFUSE: Transition = { kind: 'refuse' }

/** The whole state machine: rows are states, columns are commands. */
const TRANSITIONS: Readonly<Record<SessionStatus, Readonly<Record<SessionCommand, Transition>>>> = {
  active: { pause: MOVE('paused'), resume: STAY, end: MOVE('ended') },
  paused: { pause: STAY, resume: MOVE('active'), end: MOVE('ended') },
  ended: { pause: REFUSE, resume: REFUSE, end: STAY },
}

export function transition(status: SessionStatus, command: SessionCommand): Transition {
  return TRANSITIONS[status][command]
}
