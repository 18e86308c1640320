/** The states of a booked counselling appointment. */
export const COUNSELING_STATUSES = ['pending', 'confirmed', 'completed', 'cancelled'] as const
export type CounselingStatus = (typeof COUNSELING_STATUSES)[number]

/** Allowed transitions. Staying in a state is always allowed; completed and cancelled are final. */
const NEXT: Readonly<Record<CounselingStatus, readonly CounselingStatus[]>> = {
  pending: ['confirmed', 'completed', 'cancelled'],
  confirmed: ['pending', 'completed', 'cancelled'],
  completed: [],
  cancelled: [],
}

export const isCounselingClosed = (status: CounselingStatus): boolean => NEXT[status].length === 0

export const isCounselingTransitionAllowed = (from: CounselingStatus, to: CounselingStatus): boolean =>
  from === to || NEXT[from].includes(to)
