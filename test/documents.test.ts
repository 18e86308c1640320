import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { renderDocuments } from '../scripts/rendered-documents.ts'
import { expectedSchema } from '../src/db/expected.ts'
import { startTestApp } from './helpers/app.ts'
import { createTestDatabase } from './helpers/database.ts'
import { DOCUMENTS, findLinkFault, linksOf, readText, ROOT, spansOf } from './helpers/markdown.ts'

const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found)

t.test('each generated document is what the code says today', async (t) => {
  const { app } = await startTestApp(t)
  for (const document of renderDocuments(app)) {
    const { path } = document
    if ('missing' in document) t.fail(`${path} cannot be written without ${document.missing}`)
    else
      t.ok(
        existsSync(join(ROOT, path)) && readText(path) === document.text,
        `${path} is fresh, or run \`npm run docs\``,
      )
  }
})

t.test('every script that a document names is in package.json', async (t) => {
  const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
  const named = DOCUMENTS.flatMap((path) => {
    const text = readText(path)
    const found = [...matches(text, /\bnpm run ([\w:-]+)/g), ...matches(text, /\bnpm (start|test)\b/g)]
    return found.map((script) => ({ path, script }))
  })
  t.ok(named.some(({ path, script }) => path === 'README.md' && script === 'demo'))
  for (const { path, script } of named) t.ok(script in scripts, `${path}: npm run ${script}`)
})

t.test('every relative link in a document leads somewhere', async (t) => {
  for (const path of DOCUMENTS) {
    for (const link of linksOf(readText(path)))
      t.equal(findLinkFault(path, link), undefined, `${path}: ${link}`)
  }
  for (const link of ['nothing.md', '#nothing', 'docs/cli.md#nothing', '../outside.md'])
    t.type(findLinkFault('README.md', link), 'string', link)
})

t.test('the index names every document', async (t) => {
  const index = 'docs/README.md'
  const named = linksOf(readText(index)).map((link) => join(dirname(index), link.replace(/#.*$/, '')))
  const expected = DOCUMENTS.filter((path) => /^docs\/(?!decisions\/)/.test(path) && path !== index)
  t.same(
    expected.filter((path) => !named.includes(path)),
    [],
  )
})

t.test('every file of the project that a document names exists', async (t) => {
  const FILE =
    /^(?:\.\/)?((?:src|test|bench|docs|web|client|drizzle|deploy|scripts|demo|findings)\/[\w./-]+)$/
  const named = DOCUMENTS.filter((path) => path !== 'CHANGELOG.md').flatMap((path) =>
    spansOf(readText(path)).flatMap((span) => (FILE.test(span) ? [{ path, file: span }] : [])),
  )
  t.ok(named.length > 50)
  t.same(
    named.filter(({ file }) => !existsSync(join(ROOT, file))).map(({ path, file }) => `${path}: ${file}`),
    [],
  )
})

t.test('every file that a document of security points to is there', async (t) => {
  const FILE =
    /`((?:src|test|bench|docs|web|client|drizzle)\/[^`\s]+|[\w.-]+\.(?:md|json|yaml|js)|Dockerfile|\.dockerignore)`/g
  for (const path of ['SECURITY.md', 'docs/asvs.md']) {
    const named = matches(readText(path), FILE)
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
    readText(path)
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
  const [query = ''] = matches(readText('README.md'), /```sql\n([\s\S]+?)```/g)
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
  for (const [path, figure] of [
    ['README.md', /returns (\d+) tables, from `(\w+)` to `(\w+)`/],
    ['README.ko.md', /`(\w+)`부터 `(\w+)`까지 테이블 (\d+)개/],
  ] as const)
    t.same(
      figure.exec(readText(path))?.slice(1).sort(),
      [String(tables.length), tables[0]?.name, tables.at(-1)?.name].sort(),
      path,
    )
  await sql`alter table users disable row level security`
  t.same(
    (await look()).filter(({ closed }) => !closed),
    [{ name: 'users', closed: false }],
  )
})
