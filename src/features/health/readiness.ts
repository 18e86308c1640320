import { databaseFault } from '../../db/faults.ts'
import type { ServerFindings } from '../../db/verify-server.ts'
import { within } from '../../lib/deadline.ts'
import { createSingleFlight } from '../../lib/single-flight.ts'

type Check = { readonly ok: boolean; readonly details: string[] }

type ReadinessReport = {
  readonly status: 'ready' | 'not_ready'
  readonly checks: Readonly<Record<'process' | 'database' | 'schema' | 'model', Check>>
}

export type WriteReport = {
  /** Why results cannot be written now, one line each; empty when they can. */
  readonly faults: string[]
  /** Remarks for the operator that do not affect readiness, one line each. */
  readonly remarks: string[]
}

type Dependencies = {
  /** One line per missing part of the schema; rejects when the database is unavailable. */
  readonly schemaFaults: () => Promise<string[]>
  /** Faults of the database server and its settings; rejects when it is unavailable. */
  readonly serverFindings: () => Promise<ServerFindings>
  readonly writes: () => WriteReport
  readonly isClosing: () => boolean
  /** The state of each model, one line each. Not part of readiness: windows can be answered locally. */
  readonly models: () => string[]
}

const DEADLINE_MS = 2000

const ok = (...details: string[]): Check => ({ ok: true, details })
const bad = (...details: string[]): Check => ({ ok: false, details })

/** Runs one database check at a time; concurrent requests share it. */
export function createReadiness({ schemaFaults, serverFindings, writes, isClosing, models }: Dependencies) {
  const checkDatabase = createSingleFlight(async (): Promise<{ database: Check; schema: Check }> => {
    try {
      const found = await within(Promise.all([schemaFaults(), serverFindings()]), DEADLINE_MS)
      if (found === 'late') return { database: bad('no answer in time'), schema: bad('not known') }
      const [faults, server] = found
      const { faults: unwritten, remarks } = writes()
      const wrong = [...unwritten, ...server.settings, ...server.faults]
      const remarksAndDoubts = [...remarks, ...server.doubts]
      const database = wrong.length === 0 ? ok(...remarksAndDoubts) : bad(...wrong, ...remarksAndDoubts)
      return { database, schema: faults.length === 0 ? ok() : bad(...faults) }
    } catch (error) {
      const kind = databaseFault(error)?.kind ?? 'unknown fault'
      return { database: bad(`cannot be asked: ${kind}`), schema: bad('not known') }
    }
  })

  return async (): Promise<ReadinessReport> => {
    const checks = {
      process: isClosing() ? bad('shutting down') : ok(),
      ...(await checkDatabase.run()),
      model: ok(...models()),
    }
    const ready = checks.process.ok && checks.database.ok && checks.schema.ok
    return { status: ready ? 'ready' : 'not_ready', checks }
  }
}
