import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { type RenderedDocument, renderDocuments } from './rendered-documents.ts'

// `npm run docs` writes the generated documents; with `--check` it only names those that are stale, and fails.
const ROOT = new URL('..', import.meta.url)

const absolute = ({ path }: RenderedDocument) => fileURLToPath(new URL(path, ROOT))

/** The documents of the real server: it does not start without a database, so it gets a throw-away one. */
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

async function isStale(document: RenderedDocument): Promise<boolean> {
  const onDisk = await readFile(absolute(document), 'utf8').catch(() => undefined) // a missing one is stale
  return onDisk !== document.text
}

const check = process.argv.includes('--check')
for (const document of await render()) {
  if (!(await isStale(document))) continue
  if (check) {
    process.stderr.write(`${document.path} is stale: run \`npm run docs\`\n`)
    process.exitCode = 1
  } else {
    await writeFile(absolute(document), document.text)
    process.stdout.write(`${document.path} written\n`)
  }
}
