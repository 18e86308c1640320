import t from 'tap'
import { cli, cliJson, runProgram, SECRET } from '../helpers/cli.ts'
import { createTestDatabase } from '../helpers/database.ts'
import type { Finding } from '../../src/protocol/rest/health.ts'
import { AWAY } from './kit.ts'

const PORT = { PORT: '1' }
const KEY = Buffer.alloc(32, 7).toString('base64')

t.test('the program ends with 0 if no check has failed', async (t) => {
  const { url } = await createTestDatabase(t)
  const { code, out, err } = await runProgram(t, ['doctor', '--json'], {
    ...PORT,
    DATABASE_URL: url,
    REQUIRE_CONSENTS: 'true',
  })
  t.equal(code, 0)
  t.same(err, [])
  const document = JSON.parse(out.join('\n')) as { status: string; checks: Finding[] }
  t.equal(document.status, 'warn')
  t.match(
    document.checks.find(({ name }) => name === 'configuration.names'),
    { status: 'warn', cause: /REQUIRE_CONSENTS/, mend: /REQUIRE_CONSENT\?/ },
  )
})

t.test('the program ends with 1 if a check has failed, and prints no secret', async (t) => {
  const settings = {
    ...PORT,
    DATABASE_URL: AWAY,
    DATA_KEYS: `2026a:${KEY}`,
    METRICS_TOKEN: 'a-metrics-token',
  }
  const { code, out } = await runProgram(t, ['doctor'], settings)
  t.equal(code, 1)
  t.match(out[0], /^RESULT +CHECK +FOUND$/)
  const line = out.find((text) => text.includes('database.connection'))
  t.match(line, /^fail +database\.connection +postgres at 127\.0\.0\.1:1\/maeum.*ECONNREFUSED.* → check that/)
  t.match(out.at(-1), /\d+ ok, \d+ warnings, 1 failed, \d+ skipped/)
  for (const secret of ['hunter2', KEY, SECRET, 'a-metrics-token']) t.notOk(out.join('\n').includes(secret))
})

t.test('the document is as its schema describes it', async (t) => {
  const database = await createTestDatabase(t)
  const document = await cliJson<{ checks: Finding[] }>(t, database, ['doctor'], { env: PORT })
  t.equal(document.exit, 0)
  t.ok(document.checks.length > 20)
})

t.test('the findings are in Korean too', async (t) => {
  const env = { ...PORT, JWT_SECRET: '' }
  const { code, out } = await cli({ url: AWAY }, ['doctor', '--language', 'ko'], { env })
  t.equal(code, 1)
  t.match(out[0], /^결과 +점검 +내용$/)
  t.match(
    out.find((text) => text.includes(' configuration ')),
    /모든 설정이 올바릅니다/,
  )
  const protections = out.filter((text) => text.includes('configuration.protections'))
  t.match(protections, [
    /^정상 +configuration\.protections +암호화 꺼짐, 동의 꺼짐, 티켓 꺼짐, 보존 기간 꺼짐$/,
  ])
  t.equal(protections.length, 1)
  t.notMatch(out.join('\n'), /^(ok|warn|fail|skipped) /m)
  t.match(out.at(-1), /정상 \d+, 경고 \d+, 실패 1, 건너뜀 \d+/)
})
