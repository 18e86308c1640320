import t from 'tap'
import { reportsRepository } from '../../src/features/reports/repository.ts'
import { createReportService } from '../../src/features/reports/service.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { plainVault } from '../helpers/plain-vault.ts'

const BATCH = 50
const database = await createTestDatabase(t)
const { sql, orm } = database
let now = 0
const service = createReportService({
  database: { orm },
  repository: reportsRepository,
  vault: plainVault,
  onFinalised: () => undefined,
  graceMs: 0,
  monotonic: () => now,
})
const sweep = () => service.finaliseOverdue(BATCH)
const reported = async () =>
  (await sql`select session_id as id from reports order by id`).map(({ id }) => String(id))

t.test('sessions whose report fails do not delay others, and are retried after a pause', async (t) => {
  await sql`
    insert into users (id, username, email, password_hash) overriding system value values (1, 'a', 'a@example.com', 'x')`
  await sql`
    insert into sessions (id, user_id, interval_ms, status, started_at, ended_at)
    select 'old ' || n, 1, 10000, 'ended', now() - interval '3 hours', now() - interval '2 hours'
    from generate_series(1, 60) n
    union all select 'young', 1, 10000, 'ended', now() - interval '2 hours', now() - interval '1 hour'`
  // An invalid shape.
  await sql`insert into cbt_findings (session_id, at, detections) select id, now(), '{}' from sessions where id <> 'young'`

  await t.rejects(sweep())
  t.same(await reported(), [], 'a batch of failures')
  await t.rejects(sweep())
  t.same(await reported(), ['young'], 'and the next one goes on behind it')

  await sql`update cbt_findings set detections = '[]' where session_id = 'old 1'`
  await sweep()
  t.same(await reported(), ['young'], 'what failed waits')
  now += 10_000
  await t.rejects(sweep())
  t.same((await reported()).includes('old 1'), true)
  await t.rejects(sweep())
  now += 19_000
  await sweep()
  now += 2000
  await t.rejects(sweep(), 'and waits longer each time')
})
