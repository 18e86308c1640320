import { within } from '../lib/deadline.ts'
import type { Finding } from '../protocol/rest/health.ts'
import type { Report } from './report.ts'

/** A finding without the name, which is that of its check unless it has another. */
export type Result = Omit<Finding, 'name'> & { readonly name?: string }

export type Check = {
  readonly name: string
  /** How long it may take; the default is that of `runChecks`. */
  readonly deadlineMs?: number
  /** Checks before it in the list; it is skipped unless they succeed. */
  readonly needs?: readonly string[]
  /** Rejects or throws: the check has failed, with the message as the cause. The signal aborts at the deadline. */
  readonly run: (signal: AbortSignal) => Promise<Result | readonly Result[]> | Result | readonly Result[]
}

type Options = {
  readonly report: Report
  readonly deadlineMs: number
  /** Called for each check when its findings are known. */
  readonly onDone?: (name: string) => void
}

/** Runs the checks concurrently, each after those it needs; resolves with their findings in the order of the list. */
export async function runChecks(
  checks: readonly Check[],
  { report, deadlineMs, onDone }: Options,
): Promise<Finding[]> {
  const started = new Map<string, Promise<readonly Finding[]>>()
  const run = async (check: Check): Promise<readonly Finding[]> => {
    const results = (await findObstacle(check)) ?? (await perform(check))
    onDone?.(check.name)
    return results.map((result) => ({ name: check.name, ...result }))
  }
  const findObstacle = async ({ needs = [] }: Check): Promise<readonly Result[] | undefined> => {
    for (const need of needs) {
      const found = (await started.get(need)) ?? []
      if (found.some(({ status }) => status === 'fail' || status === 'skipped'))
        return [report.skipped('skipped.needs', { need })]
    }
    return undefined
  }
  const perform = async (check: Check): Promise<readonly Result[]> => {
    const expired = new AbortController()
    const limitMs = check.deadlineMs ?? deadlineMs
    try {
      const running = (async () => check.run(expired.signal))()
      const results = await within(running, limitMs)
      if (results === 'late') return [report.fail('late', { seconds: limitMs / 1000 })]
      return Array.isArray(results) ? (results as readonly Result[]) : [results as Result] // narrowing of readonly arrays
    } catch (error) {
      return [{ status: 'fail', cause: causeOf(error), mend: null }]
    } finally {
      expired.abort()
    }
  }
  for (const check of checks) started.set(check.name, run(check))
  return (await Promise.all(started.values())).flat()
}

/** The first line of a message, without the query that the query layer adds. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('query' in error && error.cause !== undefined) return causeOf(error.cause)
  return error.message.split('\n')[0] ?? ''
}
