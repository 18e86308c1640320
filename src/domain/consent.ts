/** What has to be agreed to before a face is read; receipts for other purposes are kept and decide nothing. */
export const EXPRESSION_READING = 'emotion_analysis'
