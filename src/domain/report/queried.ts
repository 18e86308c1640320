type Content = { readonly [key: string]: unknown }

const within = (content: unknown, key: string): unknown =>
  typeof content === 'object' && content !== null ? (content as Content)[key] : undefined // any object may be read

/**
 * What of a stored report the database itself is asked for: the emotion seen most and the axes, which the rows of its
 * windows show as well. In the same places, so that whoever asks need not know whether the rest is sealed.
 */
export function queriedOf(content: Content) {
  const analysis = within(content, 'analysis')
  const primary = within(within(analysis, 'emotionSummary'), 'primaryEmotion')
  return {
    analysis: {
      emotionSummary:
        primary === undefined ? null : { primaryEmotion: { emotion: within(primary, 'emotion') } },
      vadSummary: within(analysis, 'vadSummary') ?? null,
      vadVector: within(analysis, 'vadVector') ?? null,
    },
  }
}
