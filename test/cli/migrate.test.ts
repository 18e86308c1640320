import t from 'tap'
import { cli, cliJson } from '../helpers/cli.ts'
import { createTestDatabase } from '../helpers/database.ts'

t.test('migrations are applied by command, with the reason for a failure', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const first = await cliJson<{ applied: string[] }>(t, database, ['migrate'])
  t.equal(first.applied[0], '0000_init')
  t.match(await cli(database, ['migrate']), { code: 0, out: ['nothing to apply'] })
  t.match(await cli(database, ['migrate', '--language', 'ko']), {
    code: 0,
    out: ['적용할 마이그레이션이 없습니다'],
  })

  await database.sql`drop schema drizzle cascade`
  await database.sql`drop table tickets`
  const refused = await cli(database, ['migrate'])
  t.match(refused, { code: 2, err: [/^the database already has tables of these names/] })
})
