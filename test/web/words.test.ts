import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { ERROR_CODES } from '../../src/protocol/errors.ts'
import { CATALOGUE } from '../../web/src/words/catalogue.ts'

const SOURCES = new URL('../../web/src/', import.meta.url)
const CLIENT = new URL('../../client/', import.meta.url)

const read = (folder: URL) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('catalogue.ts'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n')

const entries = Object.entries(CATALOGUE)
const placesIn = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()

t.test('every text exists in Korean and in English, with the same placeholders', async (t) => {
  t.ok(entries.length > 100)
  for (const [word, [ko, en]] of entries) {
    t.match(ko, /\S/, `${word} in Korean`)
    t.match(en, /\S/, `${word} in English`)
    t.same(placesIn(ko), placesIn(en), `${word} has the same placeholders`)
  }
})

t.test('every text is used', async (t) => {
  const source = read(SOURCES)
  t.same(
    entries.map(([word]) => word).filter((word) => !source.includes(`'${word}'`)),
    [],
  )
})

t.test('every error code of the client has a text in the console', async (t) => {
  const codes = [...read(CLIENT).matchAll(/(?:MaeumError|emitError)\(\s*'([A-Z_]+)'|code: '([A-Z_]+)'/g)].map(
    ([, thrown, emitted]) => thrown ?? emitted ?? '',
  )
  t.ok(codes.includes('NETWORK') && codes.includes('CONNECTION_LOST'))
  const worded = readFileSync(new URL('words/faults.ts', SOURCES), 'utf8')
  const known: readonly string[] = ERROR_CODES
  t.same(
    codes.filter((code) => !known.includes(code) && !worded.includes(`  ${code}: `)),
    [],
  )
})
