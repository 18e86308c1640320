import t from 'tap'
import { commitDurably, LateCommitError } from '../../src/db/durable.ts'
import { databaseFault } from '../../src/db/faults.ts'
import { migrate } from '../../src/db/migrate.ts'
import { consentRepository } from '../../src/features/consent/repository.ts'
import { eventually } from '../helpers/eventually.ts'
import { startOwnPostgres } from '../helpers/own-postgres.ts'
import { MIGRATIONS } from '../helpers/test-server.ts'

t.test('only an erasure waits for the synchronous standby, with a timeout', async (t) => {
  const database = await startOwnPostgres(t)
  const { sql, orm } = database
  await migrate(database, { folder: MIGRATIONS, apply: true })
  await sql`
    insert into users (id, username, email, password_hash) overriding system value values (1, 'a', 'a@example.com', 'x')`
  const receipt = { purpose: 'emotion_analysis', textVersion: '1', locale: 'ko' }
  await consentRepository.insert(orm, 1, receipt)
  t.equal(await commitDurably(orm, (tx) => consentRepository.withdraw(tx, 1, 'other'), 60_000), 0, 'alone')

  await sql`alter database postgres set synchronous_commit = local`
  await sql`alter system set synchronous_standby_names = 'away'`
  await database.stop('fast')
  await database.start()
  const insert = () => database.sql`insert into user_preferences (user_id) values (1) on conflict do nothing`
  await insert()
  const late = commitDurably(database.orm, (tx) => consentRepository.withdraw(tx, 1, null), 500)
  const error = await late.catch((thrown: unknown) => thrown)
  t.type(error, LateCommitError)
  t.equal(databaseFault(error)?.kind, 'unavailable', 'answered as a database that is away')
  t.equal(
    await consentRepository.hasValid(database.orm, 1, 'emotion_analysis'),
    true,
    'not before the standby has confirmed it',
  )

  await database.sql`alter system reset synchronous_standby_names`
  await database.sql`select pg_reload_conf()`
  t.equal(
    await eventually(
      () => consentRepository.hasValid(database.orm, 1, 'emotion_analysis'),
      (standing) => !standing,
    ),
    false,
    'erased after the confirmation',
  )
})
