import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { find, matches, read, ROOT } from './files.ts'

const dockerfile = read('Dockerfile')

/** What `COPY` takes from the checkout. */
const copied = matches(dockerfile, /^COPY (?!--from)(.+) \S+$/gm).flatMap((sources) => sources.split(' '))

const [everything, ...admitted] = read('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))

t.test('the image is built from files that exist', async (t) => {
  t.ok(copied.length > 5)
  for (const path of copied) t.ok(existsSync(join(ROOT, path)), path)
})

t.test('.dockerignore admits what the Dockerfile copies, and nothing else', async (t) => {
  t.equal(everything, '*')
  const bare = (path: string) => path.replace(/^\.\//, '').replace(/\/$/, '')
  const needed = [...new Set(copied.map(bare))]
  t.same(admitted.map((line) => bare(line.replace(/^!/, ''))).sort(), needed.sort())
})

t.test('the image starts the server, not as root, and without a shell', async (t) => {
  const command = JSON.parse(find(dockerfile, /^CMD (\[.*\])$/m)) as string[]
  t.same(command, ['node', 'dist/main.js'])
  t.ok(existsSync(join(ROOT, 'src/main.ts')))
  t.match(dockerfile, /^USER [1-9]\d*:[1-9]\d*$/m, 'a number: Kubernetes can verify that it is not root')
})

t.test('no file of the image is a secret or a developer tool', async (t) => {
  const [, last = ''] = dockerfile.split(/^FROM .*$/m).slice(-2)
  t.match(last, /npm ci --omit=dev/)
  t.notMatch(dockerfile, /(ARG|ENV) \w*(SECRET|TOKEN|PASSWORD|KEY)/)
})
