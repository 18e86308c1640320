/** The fields of a message: accepted in `data` and beside `type`; where both have one, the one in `data` counts. */
export function fieldsOf(message: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { data } = message
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? { ...message, ...data } : message
}
