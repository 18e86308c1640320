import type { Advice } from '../../lib/advice.ts'
import { databaseFault } from '../../db/faults.ts'
import { describeUnavailability } from '../../db/wait.ts'
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
/** The fault of the schema while the database is unavailable. */
export const NOT_KNOWN = 'not known'

/** What one check found, one line each: faults fail it, remarks do not. */
export type Part = {
  readonly faults: readonly string[]
  readonly remarks: readonly string[]
  /** The only fault with its cause, for the operator. */
  readonly advice?: Advice
}
export type Parts = Readonly<Record<keyof ReadinessReport['checks'], Part>>

const part = (faults: readonly string[], remarks: readonly string[] = []): Part => ({ faults, remarks })
const toCheck = ({ faults, remarks }: Part): Check => ({
  ok: faults.length === 0,
  details: [...faults, ...remarks],
})

/** Runs one database check at a time; concurrent requests share it. */
export function createReadiness({ schemaFaults, serverFindings, writes, isClosing, models }: Dependencies) {
  const checkDatabase = createSingleFlight(async (): Promise<{ database: Part; schema: Part }> => {
    try {
      const found = await within(Promise.all([schemaFaults(), serverFindings()]), DEADLINE_MS)
      if (found === 'late') return { database: part(['no answer in time']), schema: part([NOT_KNOWN]) }
      const [faults, server] = found
      const { faults: unwritten, remarks } = writes()
      return {
        database: part([...unwritten, ...server.settings, ...server.faults], [...remarks, ...server.doubts]),
        schema: part(faults),
      }
    } catch (error) {
      const kind = databaseFault(error)?.kind ?? 'unknown fault'
      const advice = describeUnavailability(error, 'DATABASE_URL')
      return { database: { ...part([`cannot be asked: ${kind}`]), advice }, schema: part([NOT_KNOWN]) }
    }
  })

  return async (): Promise<Parts> => ({
    process: part(isClosing() ? ['shutting down'] : []),
    ...(await checkDatabase.run()),
    model: part([], models()),
  })
}

export function toReport({ process, database, schema, model }: Parts): ReadinessReport {
  const checks = {
    process: toCheck(process),
    database: toCheck(database),
    schema: toCheck(schema),
    model: toCheck(model),
  }
  const ready = checks.process.ok && checks.database.ok && checks.schema.ok
  return { status: ready ? 'ready' : 'not_ready', checks }
}
