import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const PAGE = `
import { createClient, type EmotionEvent } from 'maeum/client'
const client = createClient({ server: 'https://maeum.example.com' })
export const told = async (): Promise<EmotionEvent['emotion'] | undefined> => {
  const { windows } = await client.call('GET /api/session/:id/timeline', { params: { id: 'x' }, query: { limit: 1 } })
  return windows[0]?.emotion
}
// @ts-expect-error a body is required
export const lacking = () => client.call('POST /api/auth/login')
// @ts-expect-error it has no such field, so its type is known
export const unknown = async () => (await client.call('GET /api/auth/me')).user.shoeSize
// @ts-expect-error there is no such route
export const none = () => client.call('GET /api/none')
`
const OPTIONS = {
  compilerOptions: {
    ...{
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      target: 'es2022',
      lib: ['es2023', 'dom', 'dom.iterable'],
    },
    ...{ module: 'esnext', moduleResolution: 'bundler', types: [] },
  },
  include: ['page.ts'],
}

const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
const typeFaults = (folder: string): Promise<string> =>
  run(process.execPath, [TSC, '-p', folder]).then(
    ({ stdout }) => stdout,
    (refused: unknown) => String(Object(refused).stdout),
  )

t.setTimeout(5 * 60_000)

t.test('a project without our dependencies has the client by its name, with its types', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'maeum-package-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await run('npm', ['pack', '--pack-destination', folder], { cwd: ROOT })
  const installed = join(folder, 'node_modules/maeum')
  await mkdir(installed, { recursive: true })
  const [archive = ''] = (await run('ls', [folder])).stdout.split('\n')
  await run('tar', ['-xzf', join(folder, archive), '-C', installed, '--strip-components=1'])
  const [packed, built] = await Promise.all(
    [installed, ROOT].map((from) => readFile(join(from, 'dist/client/index.js'), 'utf8')),
  )
  t.equal(packed, built, 'as it was built just now')

  const program = `import { createClient } from 'maeum/client'; console.log(typeof createClient({ server: 'http://x' }).call)`
  for (const cwd of [folder, ROOT]) {
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { cwd })
    t.equal(stdout.trim(), 'function', cwd === ROOT ? 'here' : 'there')
  }

  await writeFile(join(folder, 'page.ts'), PAGE)
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(OPTIONS))
  t.equal(await typeFaults(folder), '')
})
