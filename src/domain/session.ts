/** Closed lists, used by the database checks, wire schemas and documents. */
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

/** Whether an end for this reason revokes the permission to analyse: no further results may be stored. */
export const revokesAnalysis = (reason: EndReason | null): boolean =>
  reason === 'consent_withdrawn' || reason === 'account_deleted'

/** Sources of answers. */
export const ANSWER_SOURCES = ['gemini', 'local'] as const
export type AnswerSource = (typeof ANSWER_SOURCES)[number]

/** The largest value of an integer column. */
export const MAX_WINDOW = 2 ** 31 - 1

export const CHANNELS = ['landmarks', 'voice', 'session'] as const
export type Channel = (typeof CHANNELS)[number]

export type SessionCommand = 'pause' | 'resume' | 'end'

/** The effect of a command on a session. */
type Transition =
  | { readonly kind: 'move'; readonly to: SessionStatus }
  /** The session already has this status: the command succeeds without a change. */
  | { readonly kind: 'stay' }
  /** The session has ended: the command is rejected. */
  | { readonly kind: 'refuse' }

const MOVE = (to: SessionStatus): Transition => ({ kind: 'move', to })
const STAY: Transition = { kind: 'stay' }
const REFUSE: Transition = { kind: 'refuse' }

/** The state machine: rows are states, columns are commands. */
const TRANSITIONS: Readonly<Record<SessionStatus, Readonly<Record<SessionCommand, Transition>>>> = {
  active: { pause: MOVE('paused'), resume: STAY, end: MOVE('ended') },
  paused: { pause: STAY, resume: MOVE('active'), end: MOVE('ended') },
  ended: { pause: REFUSE, resume: REFUSE, end: STAY },
}

export function getTransition(status: SessionStatus, command: SessionCommand): Transition {
  return TRANSITIONS[status][command]
}
