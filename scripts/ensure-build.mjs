// Before `npm start`: compiles when the sources are newer than dist/, or uses what a build step has left there.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const newest = (folder) =>
  readdirSync(`${root}/${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((time, entry) => Math.max(time, statSync(`${entry.parentPath}/${entry.name}`).mtimeMs), 0)

const compiler = `${root}/node_modules/typescript/bin/tsc`
const built = existsSync(`${root}/dist/main.js`)
const stale = !built || (existsSync(`${root}/src`) && newest('src') > newest('dist'))

if (stale && existsSync(compiler)) {
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  })
  process.exit(status ?? 1)
}
if (!built) {
  console.error('dist/ is missing and TypeScript is not installed: run `npm ci && npm run build` first')
  process.exit(1)
}
