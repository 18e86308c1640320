import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { CoverageReport } from 'monocart-coverage-reports'

/** Lines of `src/` that the tests run in their own processes, percent: raise it when the coverage rises. */
const LINES_FLOOR = 96

const RECORDER = fileURLToPath(new URL('record-coverage.mjs', import.meta.url))

/**
 * The coverage of `src/` by the tests that are compiled in `folder`. Servers that tests start as processes of their own
 * do not count.
 */
export async function createCoverage(folder: string) {
  const records = await mkdtemp(join(tmpdir(), 'maeum-coverage-'))
  const report = new CoverageReport({
    outputDir: join(records, 'report'),
    reports: ['none'],
    logging: 'error',
    sourceFilter: (path) => /(^|\/)src\//.test(path) && !path.includes('node_modules'),
  })
  return {
    /** Of each test's process. */
    nodeArgs: ['--import', RECORDER],
    env: { COVERAGE_FOLDER: records, COVERAGE_OF: pathToFileURL(folder).href },

    /** Prints the summary. Resolves to whether the coverage is at least the floor. */
    async report(print: (line: string) => void): Promise<boolean> {
      await report.addFromDir(records)
      const results = await report.generate()
      const { lines, branches, functions } = results?.summary ?? {}
      print(
        `# coverage of src/: ${lines?.pct} % of the lines (at least ${LINES_FLOOR} %), ${branches?.pct} % of the branches, ${functions?.pct} % of the functions`,
      )
      return Number(lines?.pct) >= LINES_FLOOR
    },

    remove: () => rm(records, { recursive: true, force: true }),
  }
}
