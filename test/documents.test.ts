import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { renderDocuments } from '../scripts/rendered-documents.ts'
import { expectedSchema } from '../src/db/expected.ts'
import { startTestApp } from './helpers/app.ts'
import { createTestDatabase } from './helpers/database.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

const markdownIn = (folder: string, recursive: boolean) =>
  readdirSync(join(ROOT, folder), { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
const DOCUMENTS = [...markdownIn('.', false), ...markdownIn('docs', true)]

const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found)

/** The anchors of a document's headings, as code hosts make them. */
const anchorsOf = (text: string) =>
  matches(text, /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  )

t.test('each generated document is what the code says today', async (t) => {
  const { app } = await startTestApp(t)
  for (const document of renderDocuments(app)) {
    const { path } = document
    if ('missing' in document) t.fail(`${path} cannot be written without ${document.missing}`)
    else
      t.ok(
        existsSync(join(ROOT, path)) && read(path) === document.text,
        `${path} is fresh, or run \`npm run docs\``,
      )
  }
})

t.test('every script that a document names is in package.json', async (t) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const named = DOCUMENTS.flatMap((path) => {
    const text = read(path)
    const found = [...matches(text, /\bnpm run ([\w:-]+)/g), ...matches(text, /\bnpm (start|test)\b/g)]
    return found.map((script) => ({ path, script }))
  })
  t.ok(named.some(({ path, script }) => path === 'README.md' && script === 'demo'))
  for (const { path, script } of named) t.ok(script in scripts, `${path}: npm run ${script}`)
})

t.test('every relative link in a document leads somewhere', async (t) => {
  for (const path of DOCUMENTS) {
    for (const link of matches(read(path), /\]\((?!https?:)([^)\s]+)\)/g)) {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : join(dirname(path), file)
      t.ok(existsSync(join(ROOT, target)), `${path}: ${link} is there`)
      if (anchor !== undefined)
        t.ok(anchorsOf(read(target)).includes(anchor), `${path}: ${link} is a heading`)
    }
  }
})

t.test('every file that a document of security points to is there', async (t) => {
  const FILE =
    /`((?:src|test|bench|docs|web|client|drizzle)\/[^`\s]+|[\w.-]+\.(?:md|json|yaml|js)|Dockerfile|\.dockerignore)`/g
  for (const path of ['SECURITY.md', 'docs/asvs.md']) {
    const named = matches(read(path), FILE)
    t.ok(named.length > 20, `${path} points to ${named.length} places`)
    t.same(
      named.filter((file) => !existsSync(join(ROOT, file))),
      [],
      path,
    )
  }
})

t.test('every threat and every requirement that is met names what holds it', async (t) => {
  const rows = (path: string, pattern: RegExp) =>
    read(path)
      .split('\n')
      .filter((line) => pattern.test(line))
  const threats = rows('SECURITY.md', /^\| [STRIDE] \|/)
  t.same([...new Set(threats.map((row) => row[2]))].sort(), ['D', 'E', 'I', 'R', 'S', 'T'])
  t.same(
    threats.filter((row) => !/`test\/[\w/-]+\.test\.ts` \|$/.test(row)),
    [],
  )
  const met = rows('docs/asvs.md', /^\| \d+\.\d+\.\d+.* \| met \|/)
  t.ok(met.length > 100)
  t.same(
    met.filter((row) => !/`[^`]+`[^|]*\|$|\]\(#cryptography\) \|$/.test(row)),
    [],
  )
})

t.test('the query in the README finds every table closed, and says so when one is not', async (t) => {
  const { sql } = await createTestDatabase(t)
  const [query = ''] = matches(read('README.md'), /```sql\n([\s\S]+?)```/g)
  const look = async () =>
    (await sql.unsafe(query)).map((row) => ({
      name: String(row['table_name']),
      closed: row['row_level_security'] === true && row['open_to_api_roles'] === false,
    }))
  const tables = expectedSchema().map(({ name }) => ({ name, closed: true }))
  t.same(
    await look(),
    tables.sort((a, b) => (a.name < b.name ? -1 : 1)),
  )
  await sql`alter table users disable row level security`
  t.same(
    (await look()).filter(({ closed }) => !closed),
    [{ name: 'users', closed: false }],
  )
})
