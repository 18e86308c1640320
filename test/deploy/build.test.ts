import { readdir, readFile } from 'node:fs/promises'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import { builtModule } from '../helpers/built.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { startProcess, temporaryFolder } from '../helpers/server-process.ts'

const DIST = dirname(builtModule('main'))
const ROOT = dirname(DIST)

/** The files of the build, with comments that name the bundled modules. */
async function readBundles(): Promise<{ path: string; text: string }[]> {
  const names = (await readdir(DIST, { recursive: true })).filter(
    (name) => name.endsWith('.js') && !/^(console|client)\//.test(name),
  )
  const paths = names.map((name) => join(DIST, name))
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(path, 'utf8') })))
}

t.test('the licence of each bundled package is in the build', async (t) => {
  const bundles = (await readBundles()).map(({ text }) => text).join('\n')
  const paths = [...bundles.matchAll(/^\s*\/\/ node_modules\/(\S+)$/gm)].map(([, path = '']) => path)
  const packages = new Set(
    paths.flatMap((path) => /^(?:.*node_modules\/)?((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []),
  )
  t.ok(packages.has('fastify') && packages.size > 50, 'packages are bundled')
  const notices = await readFile(join(DIST, 'third-party-licences.txt'), 'utf8')
  for (const name of packages) t.match(notices, new RegExp(`^${name} \\d+\\.`, 'm'), name)
})

t.test('the built server serves what bundled packages read from their folders, and load later', async (t) => {
  const database = await createTestDatabase(t)
  const server = startProcess(t, await temporaryFolder(t), {
    HOST: '127.0.0.1',
    NODE_ENV: 'production',
    DATABASE_URL: database.url,
    JWT_SECRET: 'a secret for tests, of more than 32 characters',
  })
  const origin = `http://127.0.0.1:${await server.listening()}`
  const expected = [
    ['/docs/', /swagger-ui/],
    ['/docs/static/swagger-ui.css', /\.swagger-ui/],
    ['/docs/yaml', /^openapi: 3\.1\.0$/m],
    ['/docs/json', /"openapi":"3\.1\.0"/],
  ] as const
  for (const [path, text] of expected) {
    const response = await fetch(`${origin}${path}`)
    t.equal(response.status, 200, path)
    t.match(await response.text(), text, path)
  }
})

t.test('the source maps of the build lead to the lines of src/', async (t) => {
  const text = 'async function verifyServer('
  const source = (await readFile(join(ROOT, 'src/db/verify-server.ts'), 'utf8')).split('\n')
  const found = (await readBundles()).filter(({ text: bundle }) => bundle.includes(text))
  t.equal(found.length, 1, 'a shared module is bundled once')
  for (const { path, text: bundle } of found) {
    const line = bundle.split('\n').findIndex((line) => line.includes(text))
    const map = new SourceMap(JSON.parse(await readFile(`${path}.map`, 'utf8')) as SourceMapPayload) // as esbuild writes it
    const entry = map.findEntry(line, 0)
    if (!('originalSource' in entry)) return t.fail('the line is not mapped')
    t.equal(resolve(dirname(path), entry.originalSource), join(ROOT, 'src/db/verify-server.ts'))
    t.match(source[entry.originalLine], text)
  }
})
