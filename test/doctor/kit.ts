import type { Test } from 'tap'
import type { Environment } from '../../src/config/environment.ts'
import { diagnose } from '../../src/doctor/diagnose.ts'
import type { Machine } from '../../src/doctor/process.ts'
import type { Language } from '../../src/domain/language.ts'
import type { Finding } from '../../src/protocol/rest/health.ts'
import { SECRET } from '../helpers/cli.ts'

const GB = 1024 ** 3

/** A machine without faults. */
export const MACHINE: Machine = {
  nodeVersion: '22.4.0',
  nodeVersions: '>=20.19',
  memory: 8 * GB,
  heapLimit: 2 * GB,
  findFreeSpace: async () => 50 * GB,
}

/** Nothing listens at this port. */
const NO_PORT = '1'
export const AWAY = `postgres://maeum:hunter2@127.0.0.1:${NO_PORT}/maeum`

type Options = {
  readonly now?: () => number
  readonly machine?: Partial<Machine>
  readonly language?: Language
}

/** The findings with these settings; by default nothing can be reached. */
export const examine = (
  settings: Environment,
  { machine, language = 'en', ...options }: Options = {},
): Promise<Finding[]> =>
  diagnose(
    { NODE_ENV: 'test', JWT_SECRET: SECRET, PORT: NO_PORT, DATABASE_URL: AWAY, ...settings },
    { language, machine: { ...MACHINE, ...machine }, ...options },
  )

/** The check, its status, and phrases of cause and mend. */
export type Expected = readonly [name: string, status: Finding['status'], cause: RegExp, mend?: RegExp]

export function expectFinding(t: Test, findings: readonly Finding[], [name, status, cause, mend]: Expected) {
  const ofCheck = findings.filter((finding) => finding.name === name)
  const found = ofCheck.find((finding) => finding.status === status && cause.test(finding.cause))
  t.ok(found, `${name} ${status} ${String(cause)} among ${JSON.stringify(ofCheck)}`)
  if (mend !== undefined) t.match(found?.mend, mend, name)
  if (mend === undefined && status !== 'fail') t.equal(found?.mend ?? null, null, `${name}: nothing to do`)
}

export const statusOf = (findings: readonly Finding[], name: string) =>
  findings.filter((finding) => finding.name === name).map(({ status }) => status)
