/** The states of a booked counselling appointment. */
export const COUNSELING_STATUSES = ['pending', 'confirmed', 'completed', 'cancelled'] as const
export type CounselingStatus = (typeof COUNSELING_STATUSES)[number]
