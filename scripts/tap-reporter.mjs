import { Transform } from 'node:stream'
import { Parser } from 'tap-parser'

/**
 * Reporter for `tap -R`: one line per test file, the failures in full, and a closing line with the counts.
 * A Transform, for tap reads the report from it and pipes it to standard output.
 */
export default class Reporter extends Transform {
  #parser = new Parser()
  #counts = { passed: 0, failed: 0, skipped: 0 }
  #startedAt = Date.now()

  constructor() {
    super({ decodeStrings: false, encoding: 'utf8' })
    this.#follow(this.#parser, [])
    this.#parser.on('bailout', (reason) => {
      this.#counts.failed++
      this.push(`Bail out! ${reason}\n`)
    })
  }

  /** Counts the assertions of a test and its subtests. A subtest is closed by the assertion that follows it. */
  #follow(parser, path) {
    const state = { failed: 0 }
    let subtest = null
    parser.on('child', (child) => {
      subtest = this.#follow(child, [...path, child.name])
    })
    parser.on('assert', (assertion) => {
      if (path.length === 0) this.#reportFile(assertion)
      const closed = subtest
      subtest = null
      if (closed !== null && (assertion.ok || closed.failed > 0)) {
        state.failed += closed.failed
        return
      }
      state.failed += this.#count(assertion, path)
    })
    return state
  }

  #reportFile({ ok, name, time }) {
    this.push(`${ok ? 'ok  ' : 'FAIL'} ${name} (${Math.round(time ?? 0)} ms)\n`)
  }

  /** The number of failures that this assertion is: 0 or 1. */
  #count(assertion, path) {
    const title = [...path, assertion.name].join(' > ')
    if (assertion.skip || assertion.todo) {
      this.#counts.skipped++
      this.push(`  skipped ${title}: ${assertion.skip || assertion.todo}\n`)
      return 0
    }
    if (assertion.ok) {
      this.#counts.passed++
      return 0
    }
    this.#counts.failed++
    const details = assertion.diag ? `    ${JSON.stringify(assertion.diag).slice(0, 2000)}\n` : ''
    this.push(`  not ok ${title}\n${details}`)
    return 1
  }

  _transform(chunk, _encoding, done) {
    this.#parser.write(chunk)
    done()
  }

  _flush(done) {
    this.#parser.end()
    const { passed, failed, skipped } = this.#counts
    this.push(
      `# ${Date.now() - this.#startedAt} ms\n${passed} passed, ${failed} failed, ${skipped} skipped\n`,
    )
    done()
  }
}
