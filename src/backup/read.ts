import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type Entry, readTar } from './archive.ts'
import { decrypt, isEncrypted, peek } from './encryption.ts'
import { BackupError } from './faults.ts'
import {
  DESCRIPTION_ENTRY,
  type Description,
  MANIFEST_ENTRY,
  type Manifest,
  parseDescription,
  parseManifest,
  parsePartName,
} from './format.ts'
import { countRows, type TableTotals } from './parts.ts'

const decompress = promisify(gunzip)

type Table = Description['tables'][number]

export type OpenBackup = {
  readonly description: Description
  readonly isEncrypted: boolean
  /** The rows of a table. To be read to the end, in the order of the description. */
  readonly readRows: (table: Table) => AsyncGenerator<Buffer>
  /** Reads the end; rejects unless everything that was read is what the manifest lists. */
  readonly finish: () => Promise<Manifest>
}

async function openContent(source: AsyncIterable<Uint8Array>, key: Uint8Array | null) {
  const peeked = await peek(source)
  const encrypted = isEncrypted(peeked.start)
  if (encrypted && key === null) throw new BackupError('key_missing')
  const content = encrypted && key !== null ? decrypt(peeked, key) : peeked.whole
  return { encrypted, entries: readTar(content) }
}

/**
 * Opens a backup and reads its description. Nothing is kept but the current part.
 * @throws BackupError
 */
export async function openBackup(
  source: AsyncIterable<Uint8Array>,
  key: Uint8Array | null,
): Promise<OpenBackup> {
  const { encrypted, entries } = await openContent(source, key)
  const position: { next?: Entry | undefined } = {}
  const advance = async (): Promise<void> => {
    const read = await entries.next()
    position.next = read.done === true ? undefined : read.value
  }
  const isAtEnd = () => position.next === undefined
  const getPart = () => position.next && parsePartName(position.next.path)
  await advance()
  if (position.next?.path !== DESCRIPTION_ENTRY) throw new BackupError('not_a_backup')
  const description = parseDescription(position.next.content)
  const found = new Map<string, TableTotals>()
  await advance()

  return {
    description,
    isEncrypted: encrypted,
    async *readRows({ name }) {
      const hash = createHash('sha256')
      const totals = { rows: 0, bytes: 0, parts: 0, sha256: '' }
      for (let part = getPart(); part?.table === name; part = getPart()) {
        if (part.place !== totals.parts + 1) throw new BackupError('differs', { table: name })
        const rows = await decompress(position.next?.content ?? Buffer.alloc(0)).catch(() => {
          throw new BackupError('differs', { table: name })
        })
        hash.update(rows)
        totals.rows += countRows(rows)
        totals.bytes += rows.length
        totals.parts++
        yield rows
        await advance()
      }
      totals.sha256 = hash.digest('hex')
      found.set(name, totals)
    },
    async finish() {
      const last = position.next
      if (last === undefined) throw new BackupError('incomplete')
      if (last.path !== MANIFEST_ENTRY) throw new BackupError('not_a_backup')
      const manifest = parseManifest(last.content)
      for (const table of manifest.tables) requireSame(table, found.get(table.name))
      if (manifest.tables.length !== description.tables.length) throw new BackupError('not_a_backup')
      await advance() // to the end of the file, which is also authenticated
      if (!isAtEnd()) throw new BackupError('not_a_backup')
      return manifest
    },
  }
}

function requireSame(listed: Manifest['tables'][number], found: TableTotals | undefined): void {
  const isSame =
    found !== undefined &&
    (['rows', 'bytes', 'parts', 'sha256'] as const).every((name) => listed[name] === found[name])
  if (!isSame) throw new BackupError('differs', { table: listed.name })
}

/**
 * Reads a whole backup without a database, and compares it with its manifest.
 * @throws BackupError
 */
export async function checkBackup(backup: OpenBackup, onTable?: (table: string) => void): Promise<Manifest> {
  for (const table of backup.description.tables) {
    onTable?.(table.name)
    const rows = backup.readRows(table)
    while ((await rows.next()).done !== true);
  }
  return backup.finish()
}
