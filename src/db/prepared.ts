import type { Orm } from './orm.ts'

/**
 * A frequent statement, built once per pool and planned once per connection. Variable parts are `sql.placeholder`s, and
 * `build` ends with `.prepare(name)`. Not for transactions: the statement runs on the pool.
 */
export function prepared<Statement extends object>(build: (orm: Orm) => Statement): (orm: Orm) => Statement {
  const statements = new WeakMap<Orm, Statement>()
  return (orm) => {
    const statement = statements.get(orm) ?? build(orm)
    statements.set(orm, statement)
    return statement
  }
}
