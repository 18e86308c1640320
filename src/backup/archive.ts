import { Header, Parser, type ReadEntry } from 'tar'
import { BackupError } from './faults.ts'

const BLOCK = 512
const END = Buffer.alloc(2 * BLOCK)

/** A file of a tar archive: header, content, padding. */
export function toTarEntry(path: string, content: Buffer, mtime: Date): Buffer[] {
  const block = Buffer.alloc(BLOCK)
  new Header({ path, mode: 0o600, size: content.length, type: 'File', mtime, uid: 0, gid: 0 }).encode(block)
  const padding = (BLOCK - (content.length % BLOCK)) % BLOCK
  return [block, content, Buffer.alloc(padding)]
}

/** The end of a tar archive. */
export const TAR_END = END

export type Entry = { readonly path: string; readonly content: Buffer }

/**
 * The files of a tar archive, each as a whole.
 * @throws BackupError `not_a_backup` or `truncated`
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<Entry> {
  const ready: Entry[] = []
  const state: { isOpen: boolean; fault?: Error } = { isOpen: false }
  const parser = new Parser({ strict: true, maxDecompressionRatio: Infinity })
  parser.on('error', (error: Error) => (state.fault ??= error))
  parser.on('entry', (entry: ReadEntry) => {
    const chunks: Buffer[] = []
    state.isOpen = true
    entry.on('data', (chunk: Buffer) => chunks.push(chunk))
    entry.on('end', () => {
      state.isOpen = false
      ready.push({ path: entry.path, content: Buffer.concat(chunks) })
    })
  })
  // The parser emits entries while it is written to, as long as their content is consumed.
  for await (const chunk of source) {
    parser.write(chunk)
    if (state.fault !== undefined) throw new BackupError('not_a_backup')
    yield* ready.splice(0)
  }
  if (state.isOpen) throw new BackupError('truncated')
  parser.end()
  if (state.fault !== undefined) throw new BackupError('truncated')
  yield* ready.splice(0)
}
