import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { TAR_END, toTarEntry } from '../../src/backup/archive.ts'
import { BackupError } from '../../src/backup/faults.ts'
import { checkBackup, openBackup } from '../../src/backup/read.ts'

const PARTS = ['1\ta\n2\tb\n', '3\tc\n']
const DESCRIPTION = {
  ...{
    format: 'maeum-backup',
    formatVersion: 1,
    program: '1.0.0',
    postgres: '17',
    takenAt: '2026-11-30T00:00:00Z',
  },
  ...{ journal: [], dataKeys: [], otherTables: [] },
}
const TABLE = { name: 'users', columns: ['id', 'name'] }
const MANIFEST = {
  ...DESCRIPTION,
  tables: [
    {
      ...TABLE,
      rows: 3,
      bytes: 12,
      parts: 2,
      sha256: createHash('sha256').update(PARTS.join('')).digest('hex'),
    },
  ],
  sequences: [],
}

type Entries = Record<string, string | Buffer>

const entries: Entries = {
  'backup.json': JSON.stringify({ ...DESCRIPTION, tables: [TABLE] }),
  'tables/users/000001.copy.gz': gzipSync(PARTS[0] ?? ''),
  'tables/users/000002.copy.gz': gzipSync(PARTS[1] ?? ''),
  'manifest.json': JSON.stringify(MANIFEST),
}

const check = async (content: Entries) => {
  const files = Object.entries(content).flatMap(([path, text]) =>
    toTarEntry(path, Buffer.from(text), new Date(0)),
  )
  const archive = async function* () {
    yield Buffer.concat([...files, TAR_END])
  }
  return checkBackup(await openBackup(archive(), null))
}

const without = (name: string): Entries =>
  Object.fromEntries(Object.entries(entries).filter(([path]) => path !== name))

t.test('a backup whose entries are those of its manifest is whole', async (t) => {
  t.match(await check(entries), { tables: [{ name: 'users', rows: 3 }] })
})

t.test('each difference from the manifest is refused', async (t) => {
  const cases: [what: string, content: Entries, fault: string][] = [
    ['another row', { ...entries, 'tables/users/000002.copy.gz': gzipSync('3\td\n') }, 'differs'],
    ['a part less', without('tables/users/000002.copy.gz'), 'differs'],
    ['a part in the middle less', without('tables/users/000001.copy.gz'), 'differs'],
    ['a part that cannot be decompressed', { ...entries, 'tables/users/000001.copy.gz': 'x' }, 'differs'],
    ['no manifest', without('manifest.json'), 'incomplete'],
    ['an entry after it', { ...entries, 'other.json': '{}' }, 'not_a_backup'],
    ['no description', without('backup.json'), 'not_a_backup'],
    ['a newer format', { ...entries, 'backup.json': '{"formatVersion":2}' }, 'newer_format'],
    [
      'a name that is not one',
      { ...entries, 'backup.json': JSON.stringify({ ...DESCRIPTION, tables: [{ ...TABLE, name: 'a" b' }] }) },
      'not_a_backup',
    ],
  ]
  for (const [what, content, fault] of cases) {
    const found = await check(content).catch((error: unknown) => error)
    t.equal(found instanceof BackupError && found.fault, fault, what)
  }
})
