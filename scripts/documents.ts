import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildApp } from '../src/app.ts'
import { readConfig } from '../src/config/config.ts'
import { type RenderedDocument, renderDocuments } from './rendered-documents.ts'

// `npm run docs` writes the generated documents; with `--check` it only lists stale ones and fails.
const ROOT = new URL('..', import.meta.url)

const absolute = ({ path }: RenderedDocument) => fileURLToPath(new URL(path, ROOT))

/** Renders the documents of the real server, with a temporary database. */
async function render(): Promise<RenderedDocument[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'maeum-docs-'))
  await chmod(dataDir, 0o711) // an embedded Postgres under another user must be able to reach its folder
  const app = await buildApp({ config: readConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'error' }) })
  try {
    await app.ready()
    return renderDocuments(app)
  } finally {
    await app.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

const onDisk = (document: RenderedDocument): Promise<string | undefined> =>
  readFile(absolute(document), 'utf8').catch(() => undefined) // a missing one is stale

const check = process.argv.includes('--check')

/** A check requires all documents; a write skips those that cannot be rendered. */
const complain = (text: string) => {
  process.stderr.write(`${text}\n`)
  if (check) process.exitCode = 1
}

for (const document of await render()) {
  const { path } = document
  if ('missing' in document) complain(`${path} cannot be written without ${document.missing}`)
  else if ((await onDisk(document)) === document.text) continue
  else if (check) complain(`${path} is stale: run \`npm run docs\``)
  else {
    await writeFile(absolute(document), document.text)
    process.stdout.write(`${path} written\n`)
  }
}
