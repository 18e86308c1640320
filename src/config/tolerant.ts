import { type Config, ConfigError, readConfig } from './config.ts'
import type { Environment } from './environment.ts'
import { VARIABLE_NAMES, type VariableName } from './variables.ts'

type Reading = {
  /** The configuration with stand-ins for the invalid variables. */
  readonly config: Config
  /** One line for each fault, as `ConfigError` has them. */
  readonly faults: readonly string[]
  /** The variables with a fault; their values in `config` are not those of the operator. */
  readonly invalid: ReadonlySet<VariableName>
}

/** Values for variables that may be mandatory. They are never used: what depends on them is not checked. */
const STAND_INS: Readonly<Partial<Record<VariableName, string>>> = {
  JWT_SECRET: 'x'.repeat(32),
  DATABASE_URL: 'postgres://stand-in.invalid/none',
}

/** A fault starts with the name of its variable. */
const nameIn = (fault: string): VariableName | undefined =>
  VARIABLE_NAMES.find((name) => fault.startsWith(`${name}:`))

/**
 * Reads all valid variables, for diagnosis, and reports every fault. `readConfig` reports faults of formats before
 * faults of rules.
 */
export function readTolerantConfig(environment: Environment): Reading {
  const faults: string[] = []
  const invalid = new Set<VariableName>()
  let current = environment
  for (;;) {
    try {
      return { config: readConfig(current), faults, invalid }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      const found = error.faults.map((fault) => ({ fault, name: nameIn(fault) }))
      const isNew = found.some(({ name }) => name !== undefined && !invalid.has(name))
      if (!isNew) throw error // a stand-in is refused
      for (const { fault, name } of found) {
        if (!faults.includes(fault)) faults.push(fault)
        if (name === undefined) continue
        invalid.add(name)
        current = { ...current, [name]: STAND_INS[name] }
      }
    }
  }
}
