import type postgres from 'postgres'
import { asStatement, type Statement } from './connection.ts'
import type { Pool } from './pool.ts'

type Begin = postgres.Sql['begin']
type Unsafe = postgres.Sql['unsafe']

/** The driver's class of queries (postgres 3.4.9, src/query.js). */
type QueryClass = new (
  strings: readonly string[],
  parameters: readonly unknown[],
  handler: Statement['handler'],
  canceller: unknown,
  options?: Readonly<Record<string, unknown>>,
) => Statement

const isTemplate = (strings: unknown): strings is TemplateStringsArray =>
  Array.isArray(strings) && 'raw' in strings

/**
 * The interface of the driver, with statements and transactions run by `pool` with this deadline.
 * Cursors, `reserve` and `listen` are not supported.
 *
 * Queries are created here, because those of the driver's own functions would run on its own connections.
 */
export function createSql(base: postgres.Sql, pool: Pool, deadlineMs: number): postgres.Sql {
  const handler = (statement: Statement) => pool.run(statement, deadlineMs)
  const example = asStatement(base.unsafe(''))
  const Query = example.constructor as QueryClass
  const { canceller } = example
  const tag = (strings: unknown, ...values: readonly unknown[]): unknown =>
    isTemplate(strings)
      ? new Query(strings, values, handler, canceller)
      : (base as (...args: unknown[]) => unknown)(strings, ...values) // a part of a query
  const own = {
    unsafe: (
      text: Parameters<Unsafe>[0],
      parameters: NonNullable<Parameters<Unsafe>[1]> = [],
      options: NonNullable<Parameters<Unsafe>[2]> = {},
    ): unknown =>
      new Query([text], parameters, handler, canceller, {
        prepare: options.prepare === true,
        simple: parameters.length === 0,
      }),
    begin: (...args: Parameters<Begin>) =>
      pool.transact((sql) => (sql.begin as (...args: unknown[]) => Promise<unknown>)(...args), deadlineMs),
  }
  return Object.assign(tag, base, own)
}
