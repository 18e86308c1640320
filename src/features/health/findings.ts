import type { Config } from '../../config/config.ts'
import { protectionsOf } from '../../config/protections.ts'
import { NO_WRITES } from '../../db/verify.ts'
import { type Advice, toAdvice } from '../../lib/advice.ts'
import { type Finding, MAX_FINDINGS } from '../../protocol/rest/health.ts'
import { NOT_KNOWN, type Part, type Parts } from './readiness.ts'

/** Lines about a part of the schema describe only the fault. */
const SCHEMA_PART = /^(migration|table|column) /

function adviceFor(line: string): Advice {
  if (line.startsWith(NO_WRITES)) return { cause: line, mend: 'set DATABASE_URL to the primary' }
  if (SCHEMA_PART.test(line))
    return { cause: line, mend: 'run maeum migrate; if it remains, undo the change or restore a backup' }
  return toAdvice(line)
}

/** A model line is its name, followed by a colon and its state if it is not available. */
const toModel = (line: string): Finding => {
  const { cause, mend: state } = toAdvice(line)
  return state === null
    ? { name: 'model', status: 'ok', cause, mend: null }
    : { name: 'model', status: 'warn', cause: line, mend: 'run maeum doctor, which asks each model once' }
}

/** The readiness in the form of `maeum doctor`, with what is already known. */
export function toFindings({ model, ...parts }: Parts, config: Config): Finding[] {
  const findings = Object.entries(parts).flatMap(
    ([name, { faults, remarks, advice }]: [string, Part]): Finding[] => {
      if (faults.length + remarks.length === 0) return [{ name, status: 'ok', cause: 'no fault', mend: null }]
      if (faults.includes(NOT_KNOWN))
        return [{ name, status: 'skipped', cause: 'not known while the database is unavailable', mend: null }]
      return [
        ...faults.map((line) => ({ name, status: 'fail' as const, ...(advice ?? adviceFor(line)) })),
        ...remarks.map((line) => ({ name, status: 'warn' as const, ...adviceFor(line) })),
      ]
    },
  )
  const protections = Object.entries(protectionsOf(config)).map(([what, state]) => `${what} ${state}`)
  const configuration: Finding = {
    name: 'configuration.protections',
    status: 'ok',
    cause: protections.join(', '),
    mend: null,
  }
  return [configuration, ...findings, ...model.remarks.map(toModel)].slice(0, MAX_FINDINGS)
}
