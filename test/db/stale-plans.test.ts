import t, { type Test } from 'tap'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { databaseFault } from '../../src/db/faults.ts'
import { createTestDatabase } from '../helpers/database.ts'

const THINGS = 50
const CALLERS = 40
const CHANGES = 10

/** Changes the columns of the table repeatedly, while connections have cached plans. */
async function changeColumns(sql: Database['sql']) {
  for (let i = 0; i < CHANGES; i++) {
    await sql.unsafe(`alter table things alter column label type ${i % 2 === 0 ? 'varchar(99)' : 'text'}`)
    await sql.unsafe(
      i % 2 === 0 ? 'alter table things add column more int' : 'alter table things drop column more',
    )
    await new Promise((resolve) => setTimeout(resolve, 10)) // time to create and use new plans
  }
}

/** Runs queries until `isOver`; returns the number of results and the wrong ones. */
async function ask(caller: number, query: (id: number) => Promise<unknown>, isOver: () => boolean) {
  const wrong: unknown[] = []
  let answers = 0
  for (let turn = 0; !isOver(); turn++) {
    const id = (caller * 7 + turn) % THINGS
    const found = await query(id).catch((error: unknown) =>
      databaseFault(error)?.kind === 'unavailable' ? 'later' : error,
    )
    answers++
    if (found !== 'later' && found !== id) wrong.push({ id, found })
  }
  return { answers, wrong }
}

async function holds(t: Test, query: (database: Database, id: number) => Promise<unknown>) {
  const { url, sql } = await createTestDatabase(t, { migrated: false })
  await sql`create table things (id int primary key, label text not null)`
  await sql`insert into things select id, 'thing ' || id from generate_series(0, ${THINGS - 1}::int) id`
  const database = await openDatabase({ url, dataDir: '.data', poolMax: 2 })
  t.teardown(() => database.close())
  let over = false
  const asked = Array.from({ length: CALLERS }, (_, caller) =>
    ask(
      caller,
      (id) => query(database, id),
      () => over,
    ),
  )
  await changeColumns(sql)
  over = true
  const callers = await Promise.all(asked)
  t.same(
    callers.flatMap(({ wrong }) => wrong),
    [],
    'every result belongs to its query',
  )
  t.ok(
    callers.every(({ answers }) => answers > 0),
    'every caller gets a result',
  )
}

t.test('while columns change, every statement gets its own rows', (t) =>
  holds(t, async ({ sql }, id) => {
    const [row] = await sql<{ id: number; label: string }[]>`select * from things where id = ${id}`
    return row?.label === `thing ${id}` ? row.id : row
  }),
)

t.test('while columns change, every statement of a transaction gets its own rows', (t) =>
  holds(t, ({ sql }, id) =>
    sql.begin(async (tx) => {
      const find = (one: number) => tx<{ id: number }[]>`select * from things where id = ${one}`
      const following = (id + 1) % THINGS
      const [[own], [next]] = await Promise.all([find(id), find(following)])
      return next?.id === following ? own?.id : { own, next }
    }),
  ),
)
