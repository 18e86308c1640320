// Bundles `src/` into few files of `dist/`: most of the time of a start was the loading of 1,500 small modules.
// Types are checked by `npm run check`.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DIST = join(ROOT, 'dist')

/** What is started as a program or as a thread. */
const PROGRAMS = ['main', 'cli/main', 'features/reports/pdf/worker']

/** Loaded from node_modules: native code, data files, and packages that a server loads later or never. */
const INSTALLED = [
  '@node-rs/argon2',
  'bufferutil',
  'light-my-request',
  'utf-8-validate',
  '@expo-google-fonts/*',
  'fontkit',
  'pdfkit',
  '@zxcvbn-ts/*',
  'pino-pretty',
  '@fastify/otel',
  '@opentelemetry/core',
  '@opentelemetry/exporter-*',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-node',
]

/** Required by a bundled package at its top, for functions that a server calls rarely or never. */
const LATER = /^(yaml|glob)$/

/** Written to `dist/` by other builds. */
const OTHERS = /^(console|client)(\/|$)/

/** A bundled package reads its own files, such as the pages of Swagger UI, in node_modules. */
const keepFolders = {
  name: 'keep-folders',
  setup({ onLoad }) {
    onLoad({ filter: /\/node_modules\/.*\.[cm]?js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      if (text.includes('import.meta.url'))
        throw new Error(`${path} has an address: load it from node_modules`)
      if (!/\b__(dirname|filename)\b/.test(text)) return undefined
      const name = relative(join(ROOT, 'node_modules'), path)
      if (/node_modules/.test(name))
        throw new Error(`${path} is not found by its name: load it from node_modules`)
      const file = `require.resolve(${JSON.stringify(name)})`
      const contents = text
        .replace(/\b__filename\b/g, file)
        .replace(/\b__dirname\b/g, `require('node:path').dirname(${file})`)
      return { contents, loader: 'js' }
    })
  },
}

/** A package of `LATER` is loaded from node_modules by the first call of one of its functions. */
const loadLater = {
  name: 'load-later',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: LATER }, ({ path, namespace }) =>
      namespace === 'later' ? { path, external: true } : { path, namespace: 'later' },
    )
    onLoad({ filter: LATER, namespace: 'later' }, ({ path }) => {
      const call = `(...args) => require(${JSON.stringify(path)})[name](...args)`
      return { contents: `module.exports = new Proxy({}, { get: (_, name) => ${call} })`, loader: 'js' }
    })
  },
}

/** Name, licence and notice of each bundled package. */
function collectNotices(inputs) {
  const folders = new Set(
    inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []),
  )
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
    const files = readdirSync(join(ROOT, folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
    const texts = files.map((file) => readFileSync(join(ROOT, folder, file), 'utf8').trim())
    return [`${name} ${version}, ${license}`, ...texts].join('\n\n')
  })
}

const { outputFiles, metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: PROGRAMS.map((name) => `src/${name}.ts`),
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none', // in the notices
  external: INSTALLED,
  plugins: [keepFolders, loadLater],
  banner: {
    // CommonJS packages require Node's modules.
    js: "import { createRequire as createRequireOf } from 'node:module'; const require = createRequireOf(import.meta.url);",
  },
  metafile: true,
  write: false,
  logLevel: 'warning',
})

const files = [
  ...outputFiles.map(({ path, contents }) => ({ path, contents })),
  {
    path: join(DIST, 'third-party-licences.txt'),
    contents: `${collectNotices(Object.keys(metafile.inputs)).join(`\n\n${'-'.repeat(80)}\n\n`)}\n`,
  },
]
const written = new Set(files.map(({ path }) => path))
for (const { path, contents } of files) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, contents)
}
// Earlier builds.
const old = existsSync(DIST) ? readdirSync(DIST, { recursive: true, withFileTypes: true }) : []
for (const entry of old) {
  const path = join(entry.parentPath, entry.name)
  if (entry.isFile() && !written.has(path) && !OTHERS.test(relative(DIST, path))) rmSync(path)
}
