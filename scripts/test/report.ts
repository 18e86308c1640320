import { type FinalResults, Parser, type Result } from 'tap-parser'

/** A long run lists its slowest files. */
const SLOWEST = 15
const MAX_DETAILS = 2000
const MAX_STDERR = 4000

export type FileEnd = {
  readonly name: string
  readonly ms: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

type State = { failed: number; asserted: number }

/** The reason for the failure of a file, except failed assertions; undefined if there is none. */
function faultOf({ code, signal }: FileEnd, results: FinalResults | null): string | undefined {
  if (signal !== null) return `ended by ${signal}`
  if (results === null) return 'no report'
  if (results.bailout !== false) return `bailed out: ${results.bailout}`
  if (code !== 0) return `exit code ${code}`
  if (!results.ok) return results.failures.map((failure) => JSON.stringify(failure)).join(', ')
  return undefined
}

/** Counts the assertions of all files, prints one line per file with its failures, and a summary. */
export function createReport(print: (line: string) => void) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const files: { name: string; seconds: number }[] = []
  const startedAt = performance.now()

  /** Number of failures of an assertion: 0 or 1. */
  const count = (assertion: Result, path: readonly string[], lines: string[]): number => {
    const title = [...path, assertion.name].join(' > ')
    const skipped = assertion.skip || assertion.todo
    if (skipped !== false) {
      counts.skipped++
      lines.push(`  skipped ${title}: ${skipped}`)
      return 0
    }
    if (assertion.ok) {
      counts.passed++
      return 0
    }
    counts.failed++
    lines.push(`  not ok ${title}`)
    if (assertion.diag) lines.push(`    ${JSON.stringify(assertion.diag).slice(0, MAX_DETAILS)}`)
    return 1
  }

  /** The assertion after a subtest closes it; it counts only if it failed without a failure in the subtest. */
  const follow = (parser: Parser, path: readonly string[], lines: string[]): State => {
    const state = { failed: 0, asserted: 0 }
    let subtest: State | undefined
    parser.on('child', (child: Parser) => {
      subtest = follow(child, [...path, child.name], lines)
    })
    parser.on('assert', (assertion: Result) => {
      state.asserted++
      const closed = subtest
      subtest = undefined
      if (closed !== undefined && (assertion.ok || closed.failed > 0)) state.failed += closed.failed
      else state.failed += count(assertion, path, lines)
    })
    return state
  }

  return {
    /** The report of one file: write its output to `parser`; `close` prints the report. */
    file(name: string) {
      const parser = new Parser()
      const lines: string[] = []
      const state = follow(parser, [name], lines)
      const close = (end: FileEnd): void => {
        parser.end()
        const fault = faultOf(end, parser.results) ?? (state.asserted === 0 ? 'no assertion' : undefined)
        if (fault !== undefined && state.failed === 0) {
          counts.failed++
          lines.push(`  not ok ${name}: ${fault}`)
        }
        if (fault !== undefined && end.stderr !== '') lines.push(end.stderr.slice(-MAX_STDERR))
        files.push({ name, seconds: end.ms / 1000 })
        print(`${fault === undefined ? 'ok  ' : 'FAIL'} ${name} (${Math.round(end.ms)} ms)`)
        for (const line of lines) print(line)
      }
      return { parser, close }
    },

    /** Prints the summary; resolves to whether all files have passed. */
    close(): boolean {
      if (files.length > SLOWEST) {
        print(`# the slowest of ${files.length} files:`)
        for (const { name, seconds } of files.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST))
          print(`# ${seconds.toFixed(1).padStart(6)} s  ${name}`)
      }
      print(`# ${Math.round(performance.now() - startedAt)} ms`)
      const { passed, failed, skipped } = counts
      print(`${passed} passed, ${failed} failed, ${skipped} skipped`)
      return failed === 0 && passed > 0
    },
  }
}

export type Report = ReturnType<typeof createReport>
