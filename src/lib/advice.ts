/** What was found, and what to do about it; `mend` is null if nothing has to be done. */
export type Advice = { readonly cause: string; readonly mend: string | null }

/** Splits a line of the form `cause: mend`. A line without a colon has only a cause. */
export function toAdvice(line: string): Advice {
  const at = line.indexOf(': ')
  return at < 0 ? { cause: line, mend: null } : { cause: line.slice(0, at), mend: line.slice(at + 2) }
}
