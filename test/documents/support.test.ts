import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import t from 'tap'
import { parse } from 'yaml'
import { readText, ROOT } from '../helpers/markdown.ts'

/** What docs/support.md says is what the project is built for and tested with. */

const text = readText('docs/support.md')
const row = (name: string) => {
  const found = text.split('\n').find((line) => line.startsWith(`| ${name}`))
  return (found ?? '')
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}
const manifest = JSON.parse(readText('package.json')) as {
  engines: { node: string }
  scripts: Record<string, string>
}

/** Browsers as esbuild names them, and their rows. */
const BROWSERS = {
  chrome: 'Chromium, Chrome, Edge',
  firefox: 'Firefox',
  safari: 'Safari, on macOS and iOS',
} as const
type Browser = keyof typeof BROWSERS
const NAMES = Object.keys(BROWSERS) as Browser[]

/** The minimum version of a browser for the client library (1) or the console (2). */
const minimumOf = (browser: Browser, column: 1 | 2) => row(BROWSERS[browser])[column] ?? ''
const PARTS = { client: 1, console: 2 } as const

const bundleFor = async (target: string | string[]) => {
  const options: BuildOptions = {
    entryPoints: [join(ROOT, 'client/index.ts')],
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'silent',
    target,
  }
  return (await build(options)).outputFiles?.[0]?.text
}

t.test('what is built for ES2022 runs in the oldest supported browsers as it is', async (t) => {
  t.match(manifest.scripts['build:client'], /--target=es2022 /)
  t.match(readText('web/vite.config.ts'), "target: 'es2022'")
  t.match(text, 'compiled for ES2022')
  for (const column of Object.values(PARTS)) {
    const targets = NAMES.map((name) => name + minimumOf(name, column))
    for (const target of targets) t.match(target, /^[a-z]+\d+(\.\d+)?$/)
    t.equal(await bundleFor(targets), await bundleFor('es2022'))
  }
  t.not(await bundleFor('safari14'), await bundleFor('es2022'), 'an older one needs another build')
})

/** Functions and properties that are newer than ES2022, each with the pattern that finds it in the code. */
const FEATURES: Readonly<Record<string, RegExp>> = {
  'AbortSignal.timeout': /AbortSignal\.timeout\(/,
  toSorted: /\.toSorted\(/,
  'color-mix': /color-mix\(/,
  ':has': /:has\(/,
  'light-dark': /light-dark\(/,
  DecompressionStream: /new DecompressionStream\(/,
}
/** Newer than the oldest supported browsers. */
const TOO_NEW: readonly RegExp[] = [
  /AbortSignal\.any\(/,
  /\.withResolvers\(/,
  /\b(Object|Map)\.groupBy\(/,
  /Array\.fromAsync\(/,
  /\.(union|intersection|difference|isSubsetOf)\(/,
  /Promise\.try\(/,
  /\bURL\.parse\(/,
  /@starting-style|@scope|anchor-name|field-sizing/,
]

const sources = ['client', 'web'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|css|html)$/.test(name) && !name.includes('node_modules'))
    .map((name) => ({ name: join(folder, name), code: readFileSync(join(ROOT, folder, name), 'utf8') })),
)

t.test('the newest features in use are listed, and none is newer than the oldest browser', async (t) => {
  t.ok(sources.length > 50)
  for (const [feature, pattern] of Object.entries(FEATURES)) {
    const users = sources.filter(({ code }) => pattern.test(code)).map(({ name }) => name.split('/')[0])
    t.ok(users.length > 0, `${feature} is in use`)
    const [, , ...versions] = row(`\`${feature}\``)
    for (const [at, browser] of NAMES.entries()) {
      const version = Number(versions[at])
      if (users.includes('client'))
        t.ok(version <= Number(minimumOf(browser, 1)), `client, ${feature}, ${browser}`)
      t.ok(version <= Number(minimumOf(browser, 2)), `console, ${feature}, ${browser}`)
    }
  }
  for (const pattern of TOO_NEW) {
    const found = sources.filter(({ code }) => pattern.test(code.replace(/\/\/.*$/gm, '')))
    t.same(
      found.map(({ name }) => name),
      [],
      String(pattern),
    )
  }
})

t.test('the versions of Node are those of the package, of CI and of the image', async (t) => {
  const [, versions = '', tested = ''] = row('server, command line')
  t.equal(`>=${versions.replace(' or newer', '')}`, manifest.engines.node)
  const { jobs } = parse(readText('.github/workflows/ci.yml')) as {
    jobs: { test: { strategy: { matrix: { node: number[] } } } }
  }
  t.same(tested.match(/\d+/g)?.map(Number), jobs.test.strategy.matrix.node)
  const [image = ''] = /(?<=The image contains Node )\d+/.exec(text) ?? []
  const used = [...readText('Dockerfile').matchAll(/^FROM node:(\d+)/gm)].map(([, version]) => version)
  t.ok(used.length > 0 && used.every((version) => version === image), `${image}: ${used.join(', ')}`)
  for (const path of [
    'README.md',
    'README.ko.md',
    'deploy/README.md',
    'docs/tutorial.md',
    'docs/ko/tutorial.md',
  ])
    t.match(readText(path), `Node ${versions.replace(' or newer', '')}`, path)
})

t.test('the version of Postgres is that of the embedded one, and of the check at the start', async (t) => {
  const packages = JSON.parse(readText('package.json')) as { optionalDependencies: Record<string, string> }
  const embedded = Object.entries(packages.optionalDependencies).filter(([name]) =>
    name.startsWith('@embedded'),
  )
  const [, version = ''] = /^\| embedded \| (\d+)/m.exec(text) ?? []
  t.ok(embedded.length > 0 && embedded.every(([, one]) => one.startsWith(`${version}.`)), version)
  const [, oldest = ''] = /^\| your own or hosted \| (\d+) or newer/m.exec(text) ?? []
  t.match(readText('.env.example'), `Postgres ${oldest} or later`)
})
