import { databaseFault } from '../../db/faults.ts'
import type { ServerFindings } from '../../db/verify-server.ts'
import { within } from '../../lib/deadline.ts'

type Check = { readonly ok: boolean; readonly details: string[] }

export type ReadinessReport = {
  readonly status: 'ready' | 'not_ready'
  readonly checks: Readonly<Record<'process' | 'database' | 'schema' | 'model', Check>>
}

export type WriteReport = {
  /** Why results cannot be written now, a line each. None: ready. */
  readonly faults: string[]
  /** What an operator should know although the others are served, a line each. */
  readonly remarks: string[]
}

type Dependencies = {
  /** One line for each thing the schema lacks; rejects when the database is away. */
  readonly schemaFaults: () => Promise<string[]>
  /** What is wrong with the database server and with its settings; rejects when it is away. */
  readonly serverFindings: () => Promise<ServerFindings>
  readonly writes: () => WriteReport
  readonly isClosing: () => boolean
  /** What there is to say of the model, a line each. Without it windows are answered locally, so it is never missed. */
  readonly model: () => string[]
}

const DEADLINE_MS = 2000

const ok = (...details: string[]): Check => ({ ok: true, details })
const bad = (...details: string[]): Check => ({ ok: false, details })

/** Asks the database at most once at a time, however many ask for readiness. */
export function createReadiness({ schemaFaults, serverFindings, writes, isClosing, model }: Dependencies) {
  let flight: Promise<{ database: Check; schema: Check }> | undefined

  const look = async (): Promise<{ database: Check; schema: Check }> => {
    try {
      const found = await within(Promise.all([schemaFaults(), serverFindings()]), DEADLINE_MS)
      if (found === 'late') return { database: bad('no answer in time'), schema: bad('not known') }
      const [faults, server] = found
      const { faults: unwritten, remarks } = writes()
      const wrong = [...unwritten, ...server.settings, ...server.faults]
      const told = [...remarks, ...server.doubts]
      const database = wrong.length === 0 ? ok(...told) : bad(...wrong, ...told)
      return { database, schema: faults.length === 0 ? ok() : bad(...faults) }
    } catch (error) {
      const kind = databaseFault(error)?.kind ?? 'unknown fault'
      return { database: bad(`cannot be asked: ${kind}`), schema: bad('not known') }
    }
  }

  return async (): Promise<ReadinessReport> => {
    flight ??= look().finally(() => {
      flight = undefined
    })
    const checks = {
      process: isClosing() ? bad('shutting down') : ok(),
      ...(await flight),
      model: ok(...model()),
    }
    const ready = checks.process.ok && checks.database.ok && checks.schema.ok
    return { status: ready ? 'ready' : 'not_ready', checks }
  }
}
