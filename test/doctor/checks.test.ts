import t from 'tap'
import { type Check, runChecks } from '../../src/doctor/checks.ts'
import { worstOf } from '../../src/doctor/diagnose.ts'
import { FINDINGS } from '../../src/doctor/findings.ts'
import { createReport } from '../../src/doctor/report.ts'

const report = createReport('en')
const ok = report.ok('writes.ok')
const run = (checks: readonly Check[]) => runChecks(checks, { report, deadlineMs: 60_000 })

t.test('a check without an answer fails at its deadline and stops no other', async (t) => {
  let isAborted = false
  const findings = await run([
    {
      name: 'hangs',
      deadlineMs: 10,
      run: (signal) => {
        signal.addEventListener('abort', () => (isAborted = true))
        return new Promise(() => undefined)
      },
    },
    { name: 'other', run: () => ok },
    { name: 'dependent', needs: ['other', 'hangs'], run: () => ok },
  ])
  t.match(findings, [
    { name: 'hangs', status: 'fail', cause: /^no answer within 0\.01 s$/, mend: /load/ },
    { name: 'other', status: 'ok', mend: null },
    { name: 'dependent', status: 'skipped', cause: 'hangs has not succeeded' },
  ])
  t.ok(isAborted)
  t.equal(worstOf(findings), 'fail')
})

t.test('an error is a failure with the first line of its message, without the query', async (t) => {
  const cause = new Error('permission denied\nCONTEXT: …')
  const wrapped = Object.assign(new Error('Failed query: select', { cause }), { query: 'select' })
  const findings = await run([{ name: 'throws', run: () => Promise.reject(wrapped) }])
  t.match(findings, [{ name: 'throws', status: 'fail', cause: 'permission denied' }])
})

t.test('every finding exists in both languages, with the same values', (t) => {
  const valuesOf = (text: string) => new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
  for (const [key, texts] of Object.entries(FINDINGS)) {
    for (const [ko, en] of Object.values(texts) as (readonly [string, string])[]) {
      t.same(valuesOf(ko), valuesOf(en), key)
      const words = en.replace(/\{\w+\}/g, '').match(/[a-z]{3}/)
      t.ok(/[가-힣]/.test(ko) || ko === en, key)
      t.ok(words === null || ko !== en || /^(Node|PostgreSQL) $/.test(en.replace(/\{\w+\}/g, '')), key)
    }
  }
  t.end()
})
