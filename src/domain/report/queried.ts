type Content = { readonly [key: string]: unknown }

const getField = (content: unknown, key: string): unknown =>
  typeof content === 'object' && content !== null ? (content as Content)[key] : undefined // any object may be indexed

/**
 * The fields of a stored report that are used in SQL queries: the most frequent emotion and the axes, which the window
 * rows contain as well. They keep their paths, so that queries do not depend on whether the rest is encrypted.
 */
export function selectQueriedFields(content: object) {
  const analysis = getField(content, 'analysis')
  const primary = getField(getField(analysis, 'emotionSummary'), 'primaryEmotion')
  return {
    analysis: {
      emotionSummary:
        primary === undefined ? null : { primaryEmotion: { emotion: getField(primary, 'emotion') } },
      vadSummary: getField(analysis, 'vadSummary') ?? null,
      vadVector: getField(analysis, 'vadVector') ?? null,
    },
  }
}
