import t from 'tap'
import { databaseFault, isPassing } from '../../src/db/faults.ts'
import { createTestDatabase } from '../helpers/database.ts'

const withCode = (code: string, more = {}) => Object.assign(new Error('failed'), { code, ...more })

t.test('errors of the driver and the network are classified', async (t) => {
  const kinds: [code: string, kind: string | undefined][] = [
    ['42P01', 'not_ready'],
    ['42703', 'not_ready'],
    ['3F000', 'not_ready'],
    ['08006', 'unavailable'],
    ['53300', 'unavailable'],
    ['57P01', 'unavailable'],
    ['57P03', 'unavailable'],
    ['40001', 'unavailable'],
    ['40P01', 'unavailable'],
    ['55P03', 'unavailable'],
    ['57014', 'unavailable'],
    ['CONNECTION_CLOSED', 'unavailable'],
    ['CONNECT_TIMEOUT', 'unavailable'],
    ['ECONNREFUSED', 'unavailable'],
    ['ECONNRESET', 'unavailable'],
    ['23505', 'unique'],
    ['23503', 'foreign_key'],
    ['23P01', 'invalid_data'],
    ['22003', 'invalid_data'],
    ['22021', 'unstorable_text'],
    ['42501', 'unavailable'],
    ['28P01', 'unavailable'],
    ['42601', 'unavailable'],
    ['XX000', 'unavailable'],
    ['58000', 'unavailable'],
    ['58030', 'unavailable'],
    ['57P04', 'unavailable'],
    ['0A000', 'unavailable'],
    ['26000', 'unavailable'],
    ['42P05', 'unavailable'],
    ['25P02', 'unavailable'],
    ['40003', 'unavailable'],
    ['55000', 'unavailable'],
    ['P0001', 'unavailable'],
    ['ERR_SOCKET_CLOSED', 'unavailable'],
    ['ERR_STREAM_DESTROYED', 'unavailable'],
    ['ERR_STREAM_WRITE_AFTER_END', 'unavailable'],
    ['EPERM', undefined],
    ['ERR_ASSERTION', undefined],
    ['toString', undefined],
  ]
  for (const [code, kind] of kinds) {
    t.equal(databaseFault(withCode(code))?.kind, kind, code)
    t.equal(
      isPassing(withCode(code)),
      kind === 'unavailable' || kind === 'not_ready',
      `${code} passes or not`,
    )
  }
})

t.test('a missing socket means an unavailable database, a missing file does not', async (t) => {
  t.equal(databaseFault(withCode('ENOENT', { syscall: 'connect' }))?.kind, 'unavailable')
  t.equal(databaseFault(withCode('ENOENT', { syscall: 'open' })), undefined)
})

t.test('other errors are not database faults', async (t) => {
  const loop = new Error('loop')
  loop.cause = loop
  for (const error of [new Error('else'), 'text', null, undefined, loop])
    t.equal(databaseFault(error), undefined)
})

t.test('an error wrapped by Drizzle keeps its kind and the name of the constraint', async (t) => {
  const { orm, sql } = await createTestDatabase(t, { migrated: false })
  await sql.unsafe(`
    create table parents (id int constraint parents_key primary key);
    create table children (parent int constraint children_parent_fk references parents, age int not null
      constraint children_age_positive check (age > 0))`)
  const faultOf = (query: string) =>
    orm.execute(query).then(
      () => undefined,
      (error: unknown) => databaseFault(error),
    )
  t.same(await faultOf('insert into parents values (1), (1)'), { kind: 'unique', constraint: 'parents_key' })
  t.same(await faultOf('insert into children values (7, 1)'), {
    kind: 'foreign_key',
    constraint: 'children_parent_fk',
  })
  t.same(await faultOf('insert into children values (null, 0)'), {
    kind: 'check',
    constraint: 'children_age_positive',
  })
  t.same(await faultOf('insert into children values (null, null)'), { kind: 'not_null' })
  t.same(await faultOf('select * from nowhere'), { kind: 'not_ready' })
})
