/**
 * Purpose of the consent that is required before a face or a voice is analysed, and before any result of it or of the
 * user's messages is stored.
 */
export const EXPRESSION_READING = 'emotion_analysis'

/** Purpose of the consent that is required before the neutral face of a session is kept, as measures, for the next. */
export const CARRY_BASELINE = 'carry_baseline'
