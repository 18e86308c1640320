import { existsSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Packages of many small modules, bundled for speed. */
const BUNDLED = /^(drizzle-orm|typebox|@fastify\/type-provider-typebox)(\/|$)/

/** Names of packages and of Node's built-in modules, as opposed to paths. */
const PACKAGE = /^[^./]/

async function findTests(argument: string): Promise<string[]> {
  const path = resolve(argument)
  if (!existsSync(path)) throw new Error(`${argument}: no such test`)
  if (statSync(path).isFile()) return [relative(ROOT, path)]
  const names = await readdir(path, { recursive: true })
  return names.filter((name) => name.endsWith('.test.ts')).map((name) => relative(ROOT, join(path, name)))
}

/**
 * A compiled file is in another folder, so each module gets its own `import.meta.url`: a test that of its source, a
 * module of the server that of its build, next to the files that it starts or serves.
 */
const keepAddresses: Plugin = {
  name: 'keep-addresses',
  setup(compiler) {
    compiler.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      if (!text.includes('import.meta.url')) return undefined
      const built = relative(join(ROOT, 'src'), path).replace(/\.ts$/, '.js')
      const address = pathToFileURL(built.startsWith('..') ? path : join(ROOT, 'dist', built))
      return { contents: text.replaceAll('import.meta.url', JSON.stringify(address.href)), loader: 'ts' }
    })
  },
}

const leavePackages: Plugin = {
  name: 'leave-packages',
  setup(compiler) {
    compiler.onResolve({ filter: PACKAGE }, ({ path, kind }) =>
      kind === 'entry-point' || BUNDLED.test(path) ? undefined : { path, external: true },
    )
  },
}

export type CompiledTest = {
  /** Relative to the project root, such as `test/db/url.test.ts`. */
  readonly name: string
  readonly program: string
}

/**
 * Compiles tests, and shared modules only once: a loader would compile the server again for each test. The arguments
 * are files and folders. Resolves with the output folder, which the caller removes after the run.
 */
export async function compileTests(
  args: readonly string[],
): Promise<{ folder: string; tests: readonly CompiledTest[] }> {
  const names = [...new Set((await Promise.all(args.map(findTests))).flat())].sort()
  await mkdir(join(ROOT, '.tap'), { recursive: true })
  const folder = await mkdtemp(join(ROOT, '.tap', 'compiled-'))
  await build({
    entryPoints: names.map((name) => join(ROOT, name)),
    outdir: folder,
    outbase: ROOT,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
    plugins: [keepAddresses, leavePackages],
  })
  return {
    folder,
    tests: names.map((name) => ({ name, program: join(folder, name.replace(/\.ts$/, '.js')) })),
  }
}
