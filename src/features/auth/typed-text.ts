/**
 * Fields at whose ends people leave white space, and in which one blank is like another; a password is kept as it was
 * typed.
 */
const TRIMMED: ReadonlySet<string> = new Set(['username', 'email'])

/**
 * Composes (NFC) the texts of a body, in place, before they are judged: some keyboards type one character as several,
 * and neither its length nor its equality may depend on that.
 */
export function composeTexts(body: unknown): void {
  if (typeof body !== 'object' || body === null) return
  const fields = body as Record<string, unknown> // any object may be read and written by key
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'string') continue
    const composed = value.normalize('NFC')
    fields[name] = TRIMMED.has(name) ? composed.replace(/\p{Zs}+/gu, ' ').trim() : composed
  }
}
