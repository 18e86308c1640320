import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { parse as parseToml } from 'smol-toml'
import { parse, parseAllDocuments } from 'yaml'
import { getRule, VARIABLE_NAMES, type VariableName } from '../../src/config/variables.ts'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
/** Without a type: the tests compare what they read. */
export const readYaml = (path: string) => parse(read(path))

/** Every file below `deploy/` and `.github/`, relative to the project root. */
export const FILES = ['deploy', '.github'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    // Filled-in copies of the examples, which an operator may have.
    .filter((path) => !/\/(\.env|secret\.env|maeum\.env)$/.test(path)),
)

export const matches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found)

/** The first group of the pattern; throws if the text does not match. */
export function find(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)?.[1]
  if (found === undefined) throw new Error(`${pattern.source} does not match`)
  return found
}

/** Seconds of `15s`, `1m`, or a number of seconds. */
export function seconds(text: string | number): number {
  const [, amount = '', unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(String(text)) ?? []
  return Number(amount) * ({ ms: 0.001, s: 1, m: 60, h: 3600 }[unit] ?? Number.NaN)
}

/** MiB of `512Mi`, `640m`, `640M`, `1gb` or `1G`. */
export function mebibytes(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+)(m|g)(i|b)?$/i.exec(text) ?? []
  return Number(amount) * ({ m: 1, g: 1024 }[unit.toLowerCase()] ?? Number.NaN)
}

/** How long the process may take from SIGTERM to its exit, apart from DRAIN_DELAY_MS. */
export const SHUTDOWN_SECONDS =
  readdirSync(join(ROOT, 'src'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => Number(matches(read(`src/${name}`), /^const SHUTDOWN_MS = (\d+)$/gm)[0]) / 1000)
    .find((found) => found > 0) ?? Number.NaN

export type Environment = Record<string, string>

/** A process of the image as a file in `deploy/` starts it. */
export type Deployed = {
  readonly file: string
  readonly environment: Environment
  readonly command: readonly string[]
  /** From SIGTERM to SIGKILL. */
  readonly graceSeconds: number
  readonly memoryMib?: number
}

/** A secret that a platform generates. */
const GENERATED = 'a secret of the operator, of more than 32 characters'

/** A value for a variable whose value the file leaves to the operator. */
function exampleOf(name: string): string {
  if (!VARIABLE_NAMES.includes(name as VariableName)) throw new Error(`${name} is not a variable`)
  return getRule(name as VariableName).examples[0]
}

/** An example of an environment file with its mandatory gaps filled in; a gap of an optional variable stays empty. */
function fillIn(path: string): Environment {
  const environment = parseEnv(read(path)) as Environment // no value is undefined in a file
  for (const name of ['JWT_SECRET', 'POSTGRES_PASSWORD'])
    if (environment[name] === '') environment[name] = GENERATED
  return environment
}

/** `${NAME}`, `${NAME:-default}` and `${NAME:?message}`, as Compose replaces them. */
const interpolate = (text: string, environment: Environment): string =>
  text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind?: string, rest = '') => {
    const value = environment[name] ?? ''
    if (value !== '') return value
    if (kind === '?' || kind === undefined) throw new Error(`${name}: ${String(rest)}`)
    return String(rest)
  })

export function composeFile() {
  const file = 'deploy/compose/compose.yaml'
  const content = readYaml(file)
  const { server } = content.services
  const values = fillIn('deploy/compose/.env.example')
  const environment = Object.fromEntries(
    Object.entries<string>(server.environment).map(([name, value]) => [name, interpolate(value, values)]),
  )
  const deployed: Deployed = {
    file,
    environment,
    command: server.command,
    graceSeconds: seconds(server.stop_grace_period),
    memoryMib: mebibytes(server.mem_limit),
  }
  return { content, deployed }
}

export function renderFile() {
  const file = 'deploy/render.yaml'
  const content = readYaml(file)
  const [service] = content.services
  const environment = Object.fromEntries(
    service.envVars.map(({ key, value }: { key: string; value?: string }) => [key, value ?? exampleOf(key)]),
  )
  const deployed: Deployed = {
    file,
    environment,
    command: service.dockerCommand.split(' '),
    graceSeconds: service.maxShutdownDelaySeconds,
  }
  return { content, service, deployed }
}

export function flyFile() {
  const file = 'deploy/fly.toml'
  const content = parseToml(read(file)) as ReturnType<typeof readYaml> // without a type, as the others
  // The secrets are set by the commands in the README; `fly mpg attach` sets the address of the database.
  const secrets = ['DATABASE_URL', ...matches(flySection(), /\b([A-Z]+_[A-Z_]+)=/g)]
  const deployed: Deployed = {
    file,
    environment: { ...Object.fromEntries(secrets.map((name) => [name, exampleOf(name)])), ...content.env },
    command: content.processes.app.split(' '),
    graceSeconds: content.kill_timeout,
    memoryMib: mebibytes(content.vm[0].memory),
  }
  return { content, deployed }
}

const flySection = () => find(read('deploy/README.md'), /^## Fly\n([\s\S]+?)^## /m)

const KUBERNETES = 'deploy/kubernetes'

/** The manifests that a kustomization lists. */
const manifestsOf = (folder: string) =>
  (readYaml(`${folder}/kustomization.yaml`).resources as string[]).flatMap((name) =>
    parseAllDocuments(read(`${folder}/${name}`)).map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0]
      return { file: `${folder}/${name}`, manifest: document.toJS() }
    }),
  )

export function kubernetesFiles() {
  const manifests = [...manifestsOf(KUBERNETES), ...manifestsOf(`${KUBERNETES}/migrate`)]
  const get = (kind: string) => {
    const found = manifests.find(({ manifest }) => manifest.kind === kind)
    if (found === undefined) throw new Error(`no ${kind}`)
    return found.manifest
  }
  const secret = fillIn(`${KUBERNETES}/secret.env.example`)
  const settings = get('ConfigMap').data as Environment

  const deployedBy = (kind: string): Deployed => {
    const { spec } = get(kind).spec.template
    const [container] = spec.containers
    const own = Object.fromEntries(
      container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
    )
    const readsSettings = container.envFrom.some((source: object) => 'configMapRef' in source)
    return {
      file: `${KUBERNETES}, ${kind}`,
      environment: { ...(readsSettings ? settings : {}), ...secret, ...own },
      command: container.command,
      graceSeconds: spec.terminationGracePeriodSeconds ?? 30,
      memoryMib: mebibytes(container.resources.limits.memory),
    }
  }
  const [container] = get('Deployment').spec.template.spec.containers
  return { manifests, get, container, deployed: deployedBy('Deployment'), migration: deployedBy('Job') }
}

export function systemdUnit() {
  const file = 'deploy/systemd/maeum.service'
  const text = read(file)
  const get = (name: string) => find(text, new RegExp(`^${name}=(.*)$`, 'm'))
  const own = Object.fromEntries(matches(text, /^Environment=(.*)$/gm).map((line) => line.split('=', 2)))
  const deployed: Deployed = {
    file,
    environment: { ...own, ...fillIn('deploy/systemd/maeum.env.example') },
    command: get('ExecStart').split(' '),
    graceSeconds: seconds(get('TimeoutStopSec')),
    memoryMib: mebibytes(get('MemoryMax')),
  }
  return { text, get, deployed }
}

/** Everything that starts the server. */
export const SERVERS = (): Deployed[] => [
  composeFile().deployed,
  renderFile().deployed,
  flyFile().deployed,
  kubernetesFiles().deployed,
  systemdUnit().deployed,
]
