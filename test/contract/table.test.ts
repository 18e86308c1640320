import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

const TESTS = new URL('../', import.meta.url)
const rows = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Line |'))
  .map((line) => {
    const [, name = '', tests = ''] =
      line.split(' | ').length === 2 ? (/^\| (.*?) \| (.*) \|$/.exec(line) ?? []) : []
    return { line, name, tests: tests.split('<br>') }
  })

/** The sentences of a file's tests, whichever function they are given to. */
const sentencesOf = (file: string): ReadonlySet<string> =>
  new Set(
    [...readFileSync(new URL(file, TESTS), 'utf8').matchAll(/\btest\(\s*(['"`])(.*?)\1,/g)].map(
      ([, , sentence = '']) => sentence,
    ),
  )

t.test('each line of the contract is held by tests that exist', async (t) => {
  t.ok(rows.length > 60)
  for (const { line, name, tests } of rows) {
    t.not(name, '', `a line and its tests: ${line.slice(0, 60)}`)
    for (const one of tests) {
      const [, file = '', sentence = ''] = /^`([\w/-]+\.test\.ts)`: (.+)$/.exec(one) ?? []
      const isThere = file !== '' && existsSync(new URL(file, TESTS))
      t.ok(isThere, `${name}: ${one}`)
      if (isThere) t.ok(sentencesOf(file).has(sentence), `${name}: ${file} has no test "${sentence}"`)
    }
  }
})
