import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { distance } from 'fastest-levenshtein'
import { VARIABLE_NAMES } from './variables.ts'

/** Environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A quoted value: `docker run --env-file` keeps the quotes, a shell and `.env` remove them. */
export const QUOTED = /^(['"])(.*)\1$/s

/** A database password with a `#` needs quotes in `.env`, so quotes are removed here. */
const MAY_BE_QUOTED = ['DATABASE_URL', 'DATABASE_DIRECT_URL']

const unquote = (name: string, value: string | undefined): string | undefined =>
  value === undefined || !MAY_BE_QUOTED.includes(name) ? value : (QUOTED.exec(value.trim())?.[2] ?? value)

const ENCODINGS = [
  { encoding: 'utf-8', mark: [0xef, 0xbb, 0xbf] },
  { encoding: 'utf-16le', mark: [0xff, 0xfe] },
  { encoding: 'utf-16be', mark: [0xfe, 0xff] },
] as const

/**
 * Reads a settings file in UTF-8 or, with a byte order mark, UTF-16; empty when the file does not exist.
 * @throws Error with one line that names the file when it is not readable as text.
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
    throw new Error(`${path} is not UTF-8 text: save it in that encoding`, { cause: error })
  }
}

/** Merges the variables of the process over those of `.env` in the working directory. */
export const readSettings = (environment: Environment): Environment => ({
  ...readSettingsFile('.env'),
  ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, unquote(name, value)])),
})

/** Shorter names resemble too many others: PATH and PORT differ in two letters. */
const MIN_COMPARED_LENGTH = 8
const MAX_DISTANCE = 2
/** Suffixes that are often omitted. */
const ENDINGS = ['_MS', '_URL']

const isNear = (name: string, known: string): boolean =>
  ENDINGS.some((ending) => name + ending === known) ||
  (Math.abs(name.length - known.length) <= MAX_DISTANCE && distance(name, known) <= MAX_DISTANCE)

/** One line for each unknown variable whose name is close to a known variable that is not set. */
export function findMisspeltVariables(environment: Environment): string[] {
  const knownNames = new Set<string>(VARIABLE_NAMES)
  return Object.keys(environment).flatMap((name) => {
    if (name.length < MIN_COMPARED_LENGTH || knownNames.has(name)) return []
    const meant = VARIABLE_NAMES.find((known) => environment[known] === undefined && isNear(name, known))
    return meant === undefined ? [] : [`${name} is not a known variable: did you mean ${meant}?`]
  })
}
