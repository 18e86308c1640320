import type { Config } from '../config/config.ts'
import { type Environment, findMisspeltVariables } from '../config/environment.ts'
import { protectionsOf } from '../config/protections.ts'
import type { Check, Result } from './checks.ts'
import { fromLine, named, type Report } from './report.ts'

type Subject = {
  readonly settings: Environment
  readonly config: Config
  /** Of `readTolerantConfig`. */
  readonly faults: readonly string[]
  readonly report: Report
}

/** A fault ends with an example in parentheses. */
function fromFault(fault: string): Result {
  const [, cause = fault, mend = null] = /^(.*) \((for example .*)\)$/s.exec(fault) ?? []
  return { status: 'fail', cause, mend }
}

/** The settings: validity, names, and protections that are off. */
export const configurationChecks = ({ settings, config, faults, report }: Subject): Check[] => [
  {
    name: 'configuration',
    run: () => (faults.length === 0 ? report.ok('configuration.ok') : faults.map(fromFault)),
  },
  {
    name: 'configuration.names',
    run: () => {
      const misspelt = findMisspeltVariables(settings)
      return misspelt.length === 0
        ? report.ok('variables.ok')
        : misspelt.map((line) => fromLine('warn', line))
    },
  },
  {
    name: 'configuration.protections',
    run: () => {
      const { encryption, consent, tickets, retention } = protectionsOf(config)
      const state = report.ok('protections.state', {
        encryption: report.word(encryption),
        consent: report.word(consent),
        tickets: report.word(tickets),
        retention: report.word(retention),
      })
      const secret = named('configuration.secret', report.ok('secret.generated'))
      return config.accounts.jwtSecret === null ? [state, secret] : state
    },
  },
]
