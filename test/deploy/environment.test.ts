import { parseEnv } from 'node:util'
import t from 'tap'
import { ConfigError, readConfig } from '../../src/config/config.ts'
import { findMisspeltVariables } from '../../src/config/environment.ts'
import { VARIABLE_NAMES } from '../../src/config/variables.ts'
import { FILES, kubernetesFiles, matches, read, SERVERS } from './files.ts'

const known = new Set<string>(VARIABLE_NAMES)

const faultsOf = (environment: Record<string, string>): readonly string[] => {
  try {
    readConfig(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

for (const { file, environment } of [...SERVERS(), kubernetesFiles().migration]) {
  t.test(`${file} sets known variables to valid values`, async (t) => {
    t.same(
      Object.keys(environment).filter((name) => !known.has(name)),
      [],
    )
    t.same(faultsOf(environment), [])
    t.same(findMisspeltVariables(environment), [])
    t.ok(readConfig(environment).production)
  })
}

for (const { file, environment } of SERVERS()) {
  t.test(`${file} names its public address, its front ends and the proxy`, async (t) => {
    const { server, limits } = readConfig(environment)
    t.not(server.publicUrl, null)
    t.not(server.trustProxy, false)
    t.notMatch(limits.corsOrigins.join(), 'http://localhost')
  })
}

/** Words like variables that belong to other programs. */
const FOREIGN =
  /^(MAEUM_HOST|POSTGRES_(USER|DB|PASSWORD)|TMPDIR|(NET_BIND|GITHUB|GH|AF|CLOCK)_\w+|OWNER|REPOSITORY|HOME|EPERM)$/

t.test('every variable that a file or the README mentions exists', async (t) => {
  for (const file of FILES) {
    const words = matches(read(file), /\b([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])\b/g)
    t.same(
      [...new Set(words)].filter((word) => !known.has(word) && !FOREIGN.test(word)),
      [],
      file,
    )
  }
})

t.test('no file contains a secret', async (t) => {
  for (const file of FILES.filter((path) => path.endsWith('.example'))) {
    for (const [name, value] of Object.entries(parseEnv(read(file))))
      if (/SECRET|TOKEN|PASSWORD|PEPPER|KEY/.test(name)) t.equal(value, '', `${file}: ${name}`)
  }
  t.equal(kubernetesFiles().manifests.filter(({ manifest }) => manifest.kind === 'Secret').length, 0)
})
