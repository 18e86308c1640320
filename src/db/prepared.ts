import type { Orm } from './orm.ts'

/**
 * A statement that is asked for so often that it is put together once for each pool and planned once on each of its
 * connections. What changes from call to call is a `sql.placeholder`, and `build` ends with `.prepare(name)`. Not for
 * transactions: it runs on the pool that it is given.
 */
export function prepared<Statement extends object>(build: (orm: Orm) => Statement): (orm: Orm) => Statement {
  const known = new WeakMap<Orm, Statement>()
  return (orm) => {
    const statement = known.get(orm) ?? build(orm)
    known.set(orm, statement)
    return statement
  }
}
