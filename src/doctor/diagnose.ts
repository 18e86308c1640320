import { statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import process from 'node:process'
import { getHeapStatistics } from 'node:v8'
import type { Environment } from '../config/environment.ts'
import { readTolerantConfig } from '../config/tolerant.ts'
import type { Language } from '../domain/language.ts'
import type { Finding } from '../protocol/rest/health.ts'
import { NODE_VERSIONS } from '../version.ts'
import { runChecks } from './checks.ts'
import { configurationChecks } from './configuration.ts'
import { databaseChecks } from './database.ts'
import { modelChecks } from './models.ts'
import { privilegeChecks } from './privileges.ts'
import { type Machine, processChecks } from './process.ts'
import { createReport } from './report.ts'
import { schemaChecks } from './schema.ts'
import { createSession } from './session.ts'
import { tracingChecks } from './tracing.ts'
import { webChecks } from './web.ts'

/** The deadline of a check without its own. With that of the connection before it, less than 20 s. */
const CHECK_DEADLINE_MS = 6000

type Options = {
  readonly language: Language
  /** The clock of this process, in milliseconds since the epoch. */
  readonly now?: () => number
  readonly machine?: Machine
  /** Called for each check when its findings are known. */
  readonly onDone?: (name: string) => void
}

function readMachine(): Machine {
  const limit = process.constrainedMemory()
  return {
    nodeVersion: process.versions.node,
    nodeVersions: NODE_VERSIONS,
    memory: limit > 0 ? Math.min(limit, totalmem()) : totalmem(),
    heapLimit: getHeapStatistics().heap_size_limit,
    findFreeSpace: async (directory) => {
      const { bavail, bsize } = await statfs(directory)
      return bavail * bsize
    },
  }
}

/**
 * Checks everything that the server needs with these settings, and changes nothing. Takes 20 seconds at most.
 * Findings contain no secrets.
 */
export async function diagnose(
  settings: Environment,
  { language, now = Date.now, machine = readMachine(), onDone }: Options,
): Promise<Finding[]> {
  const { config, faults, invalid } = readTolerantConfig(settings)
  const report = createReport(language)
  const subject = { config, invalid, report }
  const session = createSession(subject)
  const checks = [
    ...configurationChecks({ settings, config, faults, report }),
    ...processChecks({ machine, config, report }),
    ...databaseChecks({ ...subject, session, now }),
    ...schemaChecks({ ...subject, session }),
    ...privilegeChecks({ session, report }),
    ...modelChecks({ ...subject, settings }),
    ...tracingChecks(subject),
    ...webChecks(subject),
  ]
  try {
    return await runChecks(checks, {
      report,
      deadlineMs: CHECK_DEADLINE_MS,
      ...(onDone !== undefined && { onDone }),
    })
  } finally {
    await session.close()
  }
}

/** The worst status; a skipped check is none. */
export function worstOf(findings: readonly Finding[]): 'ok' | 'warn' | 'fail' {
  if (findings.some(({ status }) => status === 'fail')) return 'fail'
  return findings.some(({ status }) => status === 'warn') ? 'warn' : 'ok'
}
