/**
 * Fields that are trimmed and whose blanks are normalized; a password is not changed.
 */
const TRIMMED: ReadonlySet<string> = new Set(['username', 'email'])

/**
 * Composes (NFC) the texts of a body, in place, before validation: some keyboards produce several code points for one
 * character, and length and equality must not depend on that.
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
