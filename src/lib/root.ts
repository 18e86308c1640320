import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

function findRoot(from: URL): URL {
  const folder = new URL('.', from)
  if (existsSync(new URL('package.json', folder))) return folder
  const parent = new URL('..', folder)
  if (parent.href === folder.href) throw new Error(`no package.json above ${fileURLToPath(from)}`)
  return findRoot(parent)
}

/** The folder of package.json, above `src/` and above each file of `dist/`, whose modules the build rearranges. */
export const ROOT = findRoot(new URL(import.meta.url))

/** The path of a file or folder of the installation, such as `drizzle`. */
export const pathInRoot = (path: string): string => fileURLToPath(new URL(path, ROOT))
