import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** One generated migration, as drizzle-kit wrote it. */
export type Migration = {
  /** The file's name without `.sql`, such as `0003_add_notes`. */
  readonly tag: string
  readonly statements: readonly string[]
  /** When it was generated, in milliseconds of Unix time. */
  readonly createdAt: number
  /** SHA-256 of the file with line feeds for line ends, the identity that drizzle-kit keeps in its journal. */
  readonly hash: string
  /** The same text with other line ends: what a journal holds that was written by a checkout of another system. */
  readonly otherHashes: readonly string[]
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

/** The migrations of a folder in the order of their journal. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const journal = JSON.parse(await readFile(join(folder, 'meta', '_journal.json'), 'utf8')) as {
    entries: { tag: string; when: number }[] // drizzle-kit's own file
  }
  return Promise.all(
    journal.entries.map(async ({ tag, when }) => {
      const found = await readFile(join(folder, `${tag}.sql`), 'utf8')
      const text = found.replaceAll('\r\n', '\n')
      return {
        tag,
        statements: text.split('--> statement-breakpoint'),
        createdAt: when,
        hash: hashOf(text),
        otherHashes: [hashOf(text.replaceAll('\n', '\r\n')), hashOf(found)],
      }
    }),
  )
}

/** Names in the schema `public` that a generated statement creates as tables. */
export function createdTables(statement: string): string[] {
  return [...statement.matchAll(/^\s*CREATE TABLE (?:"public"\.)?"([^"]+)" \(/gim)].map(
    ([, name = '']) => name,
  )
}

const NAMED =
  /\b(CREATE|ADD|DROP) (?:UNIQUE )?(?:TABLE|INDEX|CONSTRAINT|TRIGGER|FUNCTION) (?:"public"\.)?"([^"]+)"|^\s*(CONSTRAINT) "([^"]+)"/gim

/** Names of the tables, indexes, constraints, triggers and functions that are there once all migrations are applied. */
export function createdObjects(migrations: readonly Migration[]): string[] {
  const names = new Set<string>()
  for (const statement of migrations.flatMap(({ statements }) => statements)) {
    for (const [, verb, name, , constraint] of statement.matchAll(NAMED)) {
      if (verb === undefined) names.add(constraint ?? '')
      else if (verb.toUpperCase() === 'DROP') names.delete(name ?? '')
      else names.add(name ?? '')
    }
  }
  return [...names]
}
