/**
 * What has to be agreed to before a face is read or a voice measured, and before anything that is learnt of the person by
 * that, or by their words, is stored. Receipts for other purposes are kept and decide nothing.
 */
export const EXPRESSION_READING = 'emotion_analysis'
