// Before `npm start`, `npm run dev` and `npm test`: builds parts that are older than their sources, or uses the existing build.
// Arguments name the parts to check; all by default.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tool = (path) => `${root}node_modules/${path}`

/** The parts with their sources, the package that builds them and the command. */
const PARTS = [
  {
    name: 'server',
    made: 'dist/main.js',
    of: ['src', 'package-lock.json', 'tsconfig.json', 'scripts/build-server.mjs'],
    needs: tool('esbuild'),
    command: [`${root}scripts/build-server.mjs`],
  },
  {
    name: 'console',
    made: 'dist/console/index.html',
    of: ['web', 'client', 'src/domain', 'src/protocol/errors.ts'],
    needs: tool('vite'),
    command: [tool('vite/bin/vite.js'), 'build', 'web'],
  },
]

/** Time of the newest file, in a folder or of the file itself. */
const newest = (path) => {
  if (!existsSync(path)) return 0
  if (statSync(path).isFile()) return statSync(path).mtimeMs
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((time, entry) => Math.max(time, statSync(`${entry.parentPath}/${entry.name}`).mtimeMs), 0)
}

const asked = process.argv.slice(2)
for (const { name, made, of, needs, command } of PARTS) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const isBuilt = existsSync(root + made)
  const sources = Math.max(...of.map((path) => newest(root + path)))
  if (isBuilt && sources <= newest(root + made)) continue
  if (existsSync(needs)) {
    const startedAt = new Date()
    const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' })
    if (status !== 0) process.exit(status ?? 1)
    utimesSync(root + made, startedAt, startedAt) // what is edited meanwhile is newer
  } else if (!isBuilt && name === 'server') {
    console.error('dist/ is missing and esbuild is not installed: run `npm ci && npm run build` first')
    process.exit(1)
  }
}
