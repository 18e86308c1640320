/**
 * What has to be agreed to before a face is read or a voice measured, and before anything that is learnt of the person by
 * that, or by their words, is stored.
 */
export const EXPRESSION_READING = 'emotion_analysis'

/** What has to be agreed to before the neutral face that a session has learnt is kept, as measures, for the next. */
export const CARRY_BASELINE = 'carry_baseline'
