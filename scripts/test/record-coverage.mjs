import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'
import process from 'node:process'

// Loaded before a test: records which parts of the compiled modules run. NODE_V8_COVERAGE would write those of every
// package as well.
const { COVERAGE_FOLDER: folder = '', COVERAGE_OF: prefix = '' } = process.env
const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

process.on('exit', () => {
  session.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error) throw error
    const own = result.filter(({ url }) => url.startsWith(prefix))
    writeFileSync(join(folder, `coverage-${process.pid}.json`), JSON.stringify({ result: own }))
  })
})
