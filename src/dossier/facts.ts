import type { Config } from '../config/config.ts'
import { expectedSchema } from '../db/expected.ts'
import { SEALED_COLUMNS } from '../db/sealed-columns.ts'
import { parseDatabaseUrl } from '../db/url.ts'
import { crisisLines, type CrisisLine } from '../domain/crisis/lines.ts'
import { LOCAL_ANALYSER_VERSION } from '../domain/face/local-analyser.ts'
import type { Language } from '../domain/language.ts'
import { VERSION } from '../version.ts'
import { type Accuracy, readAccuracy } from './accuracy.ts'

/** The deadline is at most this part of the interval (`docs/architecture.md`). */
const INTERVAL_SHARE = 0.9

const GOOGLE = 'generativelanguage.googleapis.com'

type StoredTable = {
  readonly name: string
  /** Columns that are encrypted if `DATA_KEYS` is set. */
  readonly sealed: readonly string[]
}

/** What the documents are made from. Contains no secret. */
export type Facts = {
  readonly version: string
  readonly commit: string
  /** The day on which the documents are made, ISO 8601. */
  readonly madeOn: string
  readonly analysis: Pick<Config['analysis'], 'enabled' | 'intervalMs' | 'maxFrames'> & {
    /** The deadline in force, after the close of a window. */
    readonly deadlineMs: number
  }
  /** Null: only the local analyser. */
  readonly gemini: {
    readonly host: string
    readonly isGoogle: boolean
    readonly models: readonly string[]
    readonly budgetUsd: number | null
  } | null
  readonly encrypts: boolean
  readonly requiresConsent: boolean
  readonly requiresTicket: boolean
  readonly retentionDays: Config['privacy']['retentionDays']
  readonly abandonMs: number
  /** Null: the embedded database. */
  readonly database: { readonly host: string; readonly tls: 'off' | 'verify' | 'unverified' } | null
  /** The host of the server's address; null if it is not set. */
  readonly publicHost: string | null
  readonly hasMetricsToken: boolean
  readonly encryptsBackups: boolean
  /** The host of the collector of traces; null: none. */
  readonly tracingHost: string | null
  readonly crisisLines: Readonly<Record<Language, readonly CrisisLine[]>>
  readonly analyser: string
  readonly accuracy: Accuracy
  readonly tables: readonly StoredTable[]
}

/** The part of the configuration that the documents state, without secrets. */
export function collectFacts(config: Config, now: Date): Facts {
  const { analysis, privacy, database, counsellor } = config
  const { enabled, intervalMs, maxFrames } = analysis
  const deadlineMs = Math.min(analysis.deadlineMs, analysis.geminiTimeoutMs, INTERVAL_SHARE * intervalMs)
  return {
    version: VERSION,
    commit: config.commit,
    madeOn: now.toISOString().slice(0, 10),
    analysis: { enabled, intervalMs, deadlineMs, maxFrames },
    gemini: findGemini(config),
    encrypts: privacy.dataKeys.length > 0,
    requiresConsent: privacy.requireConsent,
    requiresTicket: config.sessions.requireTicket,
    retentionDays: privacy.retentionDays,
    abandonMs: config.sessions.idleMs,
    database: database.url === null ? null : findDatabase(database.url),
    publicHost: config.server.publicUrl === null ? null : new URL(config.server.publicUrl).host,
    hasMetricsToken: config.metricsToken !== null,
    encryptsBackups: privacy.backupKey !== null,
    tracingHost: config.tracing === null ? null : new URL(config.tracing.endpoint).host,
    crisisLines: {
      ko: crisisLines('ko', counsellor.crisisLines),
      en: crisisLines('en', counsellor.crisisLines),
    },
    analyser: LOCAL_ANALYSER_VERSION,
    accuracy: readAccuracy(),
    tables: expectedSchema().map(({ name }) => ({
      name,
      sealed: SEALED_COLUMNS.filter(({ table }) => table === name).map(({ column }) => column),
    })),
  }
}

function findGemini({ analysis: { gemini } }: Config): Facts['gemini'] {
  if (gemini === null) return null
  const { baseUrl, models, dailyBudgetMicroUsd } = gemini
  return {
    host: baseUrl === null ? GOOGLE : new URL(baseUrl).host,
    isGoogle: baseUrl === null,
    models,
    budgetUsd: dailyBudgetMicroUsd === null ? null : dailyBudgetMicroUsd / 1e6,
  }
}

function findDatabase(url: string): NonNullable<Facts['database']> {
  const { host, tls } = parseDatabaseUrl(url)
  return { host, tls }
}
