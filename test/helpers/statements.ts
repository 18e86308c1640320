import { AsyncLocalStorage } from 'node:async_hooks'
import type { App } from '../../src/app.ts'

/**
 * Counts what requests ask of the database, transactions' begin and commit included; what the server does by itself
 * meanwhile is not counted. One request at a time, on a server whose pool has been used: a statement that has to wait
 * for a connection would be missed.
 */
export function countStatements({ database }: Pick<App, 'database'>) {
  const current = new AsyncLocalStorage<string[]>()
  // The driver looks at this option at every statement.
  const options = database.sql.options as { debug: unknown }
  options.debug = (_connection: number, text: string) => void current.getStore()?.push(text)

  return async <T>(work: () => PromiseLike<T>): Promise<{ result: T; statements: string[] }> => {
    const statements: string[] = []
    // Awaited within: an injected request begins when somebody waits for it.
    const result = await current.run(statements, async () => await work())
    return { result, statements }
  }
}
