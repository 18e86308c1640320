import { writeFile } from 'node:fs/promises'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { accuracyPage } from './accuracy/page.ts'
import { accuracyOf, reportAsJson } from './accuracy/report.ts'

/**
 * `npm run accuracy -- --data DIR [--json] [--cross-validate] [--write]` evaluates the local analyser on the landmark
 * files in DIR: frames.jsonl.gz, clips_synthetic.jsonl.gz and clips_real.jsonl.gz, each if it exists. By default it
 * uses the shipped model, so DIR should contain people who are not in its training data; with --cross-validate every
 * face is analysed by a model fitted to the other folds of the folder. --write updates docs/accuracy.json and the page.
 */
const DOCS = new URL('../docs/', import.meta.url)

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    json: { type: 'boolean', default: false },
    'cross-validate': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
if (values.data === undefined) {
  process.stderr.write('say where the landmark files are: npm run accuracy -- --data DIR\n')
  process.exit(2)
}
const report = accuracyOf(values.data, values['cross-validate'], (text) => process.stderr.write(`${text}\n`))
process.stdout.write(values.json ? reportAsJson(report) : accuracyPage(report))
if (values.write) {
  await writeFile(new URL('accuracy.json', DOCS), reportAsJson(report))
  await writeFile(new URL('accuracy.md', DOCS), accuracyPage(report))
}
