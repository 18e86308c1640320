import t from 'tap'
import { parse } from 'yaml'
import { SUBPROTOCOL_V2 } from '../../src/protocol/channels/transport.ts'
import { LOCAL_ANALYSER_VERSION } from '../../src/domain/face/local-analyser.ts'
import { getRule, VARIABLE_NAMES } from '../../src/config/variables.ts'
import { readAccuracy } from '../../src/dossier/accuracy.ts'
import { VERSION } from '../../src/version.ts'
import { readText } from '../helpers/markdown.ts'

type Manifest = {
  version: string
  exports: Record<string, unknown>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  optionalDependencies: Record<string, string>
}
const manifest = JSON.parse(readText('package.json')) as Manifest

t.test('one version is in every place that docs/versioning.md names', async (t) => {
  const { info } = JSON.parse(readText('openapi.json')) as { info: { version: string } }
  const asyncApi = parse(readText('asyncapi.yaml')) as { info: { version: string } }
  t.same([info.version, asyncApi.info.version, VERSION], Array(3).fill(manifest.version))
  t.match(readText('CHANGELOG.md'), /^## Unreleased$/m)
})

t.test(
  'docs/versioning.md names the subprotocol, the entry point and the analyser of the code',
  async (t) => {
    const text = readText('docs/versioning.md')
    const subprotocols = new Set(text.match(/maeum\.v\d+/g))
    t.same([...subprotocols], [SUBPROTOCOL_V2])
    t.same(Object.keys(manifest.exports), ['./client', './package.json'])
    t.match(text, 'one entry point, `maeum/client`')
    t.match(text, `(\`${LOCAL_ANALYSER_VERSION}\`)`)
  },
)

t.test('the changelog has the sections that its conventions name', async (t) => {
  const sections = [...readText('CHANGELOG.md').matchAll(/^### (.+)$/gm)].map(([, name = '']) => name)
  const known = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']
  t.ok(sections.length > 1)
  t.same(
    sections.filter((name) => !known.includes(name)),
    [],
  )
})

t.test('dependencies are pinned, as SECURITY.md says', async (t) => {
  const { dependencies, devDependencies, optionalDependencies } = manifest
  const all = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
  t.ok(all.length > 50)
  t.same(
    all.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
    [],
  )
  const lock = readText('package-lock.json')
  t.notMatch(lock, /"resolved"/, 'no address of a registry')
  const { packages } = JSON.parse(lock) as {
    packages: Record<string, { integrity?: string; link?: boolean; inBundle?: boolean }>
  }
  const unhashed = Object.entries(packages).filter(
    ([path, { integrity, link, inBundle }]) => path !== '' && integrity === undefined && !link && !inBundle,
  )
  t.same(
    unhashed.map(([path]) => path),
    [],
    'every package has its hash',
  )
})

t.test('SECURITY.md has the life cycle of every secret', async (t) => {
  const [, section = ''] = readText('SECURITY.md').split('## Keys and secrets\n')
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  const described = rows.flatMap((line) =>
    [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name),
  )
  const secrets = VARIABLE_NAMES.filter((name) => getRule(name).secret === true)
  t.same(described.toSorted(), secrets.toSorted())
})

t.test('the figures of docs/comparison.md are the measured ones', async (t) => {
  const text = readText('docs/comparison.md')
  const { fitted, pictures, synthetic, real } = readAccuracy()
  const [curated, noisy] = [pictures['fer curated']?.sizeKnown, pictures['fer noisy']?.sizeKnown]
  const segments = real.withBaseline.segments.sizeKnown
  t.match(text, `\`${LOCAL_ANALYSER_VERSION}\`, fitted ${fitted}`)
  const figure = (value: number | undefined) => (value ?? NaN).toFixed(3)
  const prose = text.replace(/\s+/g, ' ')
  for (const stated of [
    `${curated?.count ?? NaN} curated photographs is ${figure(curated?.accuracy)} (± ${figure(curated?.standardError)}`,
    `${(noisy?.count ?? NaN).toLocaleString('en')} noisy ones it is ${figure(noisy?.accuracy)}`,
    `${segments.count} labelled segments of seven people: accuracy ${figure(segments.accuracy)} (± ${figure(segments.standardError)}), calibration error ${figure(segments.ece)}`,
    `from ${figure(synthetic.cold.sizeKnown.accuracy)} to ${figure(synthetic.withBaseline.sizeKnown.accuracy)}`,
    `error ${figure(curated?.ece)} on the curated`,
    ...Object.entries(curated?.recall ?? {}).map(([label, recall]) => `${label} ${figure(recall)}`),
  ])
    t.ok(prose.includes(stated), stated)
})
