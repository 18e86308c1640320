/** The states of a booked counselling appointment. */
export const COUNSELING_STATUSES = ['pending', 'confirmed', 'completed', 'cancelled'] as const
export type CounselingStatus = (typeof COUNSELING_STATUSES)[number]

/** Where an appointment may go from each state; it may always stay. What is completed or cancelled remains so. */
const NEXT: Readonly<Record<CounselingStatus, readonly CounselingStatus[]>> = {
  pending: ['confirmed', 'completed', 'cancelled'],
  confirmed: ['pending', 'completed', 'cancelled'],
  completed: [],
  cancelled: [],
}

export const isCounselingOver = (status: CounselingStatus): boolean => NEXT[status].length === 0

export const mayMoveCounseling = (from: CounselingStatus, to: CounselingStatus): boolean =>
  from === to || NEXT[from].includes(to)
