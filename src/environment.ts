import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { distance } from 'fastest-levenshtein'
import { VARIABLE_NAMES } from './variables.ts'

/** Variables as a process gets them: names and texts. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A value in a pair of quotes, as `docker run --env-file` passes it on; a shell and `.env` take the quotes away. */
export const QUOTED = /^(['"])(.*)\1$/s

/** The addresses of the database: a password with a `#` needs the quotes in `.env`, so they do not count here. */
const MAY_BE_QUOTED = ['DATABASE_URL', 'DATABASE_DIRECT_URL']

const unquoted = (name: string, value: string | undefined): string | undefined =>
  value === undefined || !MAY_BE_QUOTED.includes(name) ? value : (QUOTED.exec(value.trim())?.[2] ?? value)

const ENCODINGS = [
  { encoding: 'utf-8', mark: [0xef, 0xbb, 0xbf] },
  { encoding: 'utf-16le', mark: [0xff, 0xfe] },
  { encoding: 'utf-16be', mark: [0xfe, 0xff] },
] as const

/**
 * The variables of a settings file in UTF-8 or, with a byte order mark, UTF-16; empty when there is no such file.
 * @throws Error with one line that names the file when it cannot be read as text.
 */
export function readSettingsFile(path: string): Environment {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw new Error(`${path} cannot be read`, { cause: error })
  }
  const marked = ENCODINGS.find(({ mark }) => mark.every((byte, index) => bytes[index] === byte))
  try {
    const text = new TextDecoder(marked?.encoding ?? 'utf-8', { fatal: true }).decode(bytes)
    if (text.includes('\0')) throw new Error('a NUL character')
    return parseEnv(text)
  } catch (error) {
    throw new Error(`${path} is not a text in UTF-8: save it again in that encoding`, { cause: error })
  }
}

/** The variables of the process; those of `.env` in the working directory where the process has none of that name. */
export const readSettings = (environment: Environment): Environment => ({
  ...readSettingsFile('.env'),
  ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, unquoted(name, value)])),
})

/** Shorter names are near too many others: PATH and PORT are two letters apart. */
const SHORTEST_COMPARED = 8
const MAX_DISTANCE = 2
/** Endings that are left out most often. */
const ENDINGS = ['_MS', '_URL']

const isNear = (name: string, known: string): boolean =>
  ENDINGS.some((ending) => name + ending === known) || distance(name, known) <= MAX_DISTANCE

/** One line for each variable that is not ours but is spelt almost like one that is, and is not set. */
export function misspeltVariables(environment: Environment): string[] {
  const isOurs = new Set<string>(VARIABLE_NAMES)
  return Object.keys(environment).flatMap((name) => {
    if (name.length < SHORTEST_COMPARED || isOurs.has(name)) return []
    const meant = VARIABLE_NAMES.find((known) => environment[known] === undefined && isNear(name, known))
    return meant === undefined ? [] : [`${name} is not a variable of this server: is ${meant} meant?`]
  })
}
