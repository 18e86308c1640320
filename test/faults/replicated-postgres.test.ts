import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { openAt } from '../helpers/own-postgres.ts'
import { startReplicatedPostgres } from '../helpers/replicated-postgres.ts'

t.test('a failover of the replicated test server loses what was committed last, and only that', async (t) => {
  const postgres = await startReplicatedPostgres(t)
  const client = await openAt(postgres.port)
  t.teardown(() => client.close())
  const { sql } = client
  const names = (on = sql) => on<{ name: string }[]>`select name from commits order by name`
  await sql`create table commits (name text)`
  await sql`insert into commits values ('a kept one')`

  await postgres.detach()
  await sql`insert into commits values ('a lost one')`
  t.same(await names(), [{ name: 'a kept one' }, { name: 'a lost one' }])
  t.same(await names(postgres.standby), [{ name: 'a kept one' }])

  await postgres.crash()
  await t.rejects(names(), 'the primary is gone')
  await postgres.promote()
  const attempt = () => names().catch((error: unknown) => String(error))
  t.same(await eventually(attempt, Array.isArray), [{ name: 'a kept one' }], 'at the same address')
  await sql`insert into commits values ('b new one')`
  t.same(await names(postgres.sql), [{ name: 'a kept one' }, { name: 'b new one' }])
})
