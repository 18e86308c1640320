import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { type Config, ConfigError, readConfig } from '../src/config.ts'
import { openDatabase } from '../src/db/client.ts'
import { readSettings } from '../src/environment.ts'
import type { Baseline } from '../src/domain/face/baseline.ts'
import { readWith } from '../src/domain/face/local-analyser.ts'
import type { WindowMeasures } from '../src/domain/face/measures.ts'
import { type FaceModel, LOCAL_MODEL } from '../src/domain/face/model.ts'
import { createGeminiAnalyser } from '../src/features/analysis/model/gemini-analyser.ts'
import { keptSecret } from '../src/lib/kept-secret.ts'
import { createWrapping } from '../src/lib/wrapping.ts'
import { createVault } from '../src/plugins/vault.ts'
import { summaryLines, windowLine } from './replay/print.ts'
import { isFault, type ReplayedWindow, replaySession } from './replay/replay.ts'

/**
 * `npm run replay -- --session ID [--model NAME]` reads the stored windows of a session again with the local analyser and
 * says of each whether the answer is the same; with --model it also asks that model, or reads them with the fitted
 * analyser of that `.json` file, and compares. It only reads the database, which it finds as the server does. Exit code
 * 1: an answer differs though the analyser is the same; 2: it could not be done.
 */
const { values } = parseArgs({ options: { session: { type: 'string' }, model: { type: 'string' } } })

function say(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

function modelOf({ analysis: { gemini } }: Config, name: string) {
  if (gemini === null) throw new Error('GEMINI_API_KEY is not set: there is nobody to ask')
  const prices = new Map(gemini.prices)
  return createGeminiAnalyser({
    apiKey: gemini.apiKey,
    baseUrl: gemini.baseUrl,
    models: [name],
    timeoutMs: gemini.timeoutMs,
    thinking: gemini.thinking,
    priceOf: (model) => prices.get(model),
  })
}

const isFitted = (model: Partial<FaceModel>): model is FaceModel =>
  [model.version, model.face, model.shape, model.change, model.anxious].every((part) => part !== undefined) &&
  isDeepStrictEqual(
    model.measures?.map(({ name }) => name),
    LOCAL_MODEL.measures.map(({ name }) => name),
  )

/** What stands beside the stored answers: a fitted analyser in a file, or a model of Gemini by its name. */
async function besides(config: Config, name: string | undefined) {
  if (name === undefined) return {}
  if (!name.endsWith('.json')) return { model: modelOf(config, name) }
  const model = JSON.parse(await readFile(name, 'utf8')) as Partial<FaceModel>
  if (!isFitted(model)) throw new Error(`${name} is no fitted analyser: see npm run fit`)
  return {
    analyser: {
      version: model.version,
      read: (m: WindowMeasures, baseline?: Baseline) => readWith(model, m, baseline),
    },
  }
}

async function run(sessionId: string, modelName: string | undefined): Promise<number> {
  const config = readConfig(readSettings(process.env))
  const other = await besides(config, modelName)
  const database = await openDatabase({ ...config.database, poolMax: 1 })
  const { accounts, privacy } = config
  const secret = accounts.jwtSecret ?? (await keptSecret(join(config.database.dataDir, 'jwt-secret')))
  const secrets = [secret, ...(accounts.previousJwtSecret === null ? [] : [accounts.previousJwtSecret])]
  const vault = createVault(database.sql, createWrapping(privacy.dataKeys, secrets))
  try {
    const windows: ReplayedWindow[] = []
    const onWindow = (window: ReplayedWindow) => {
      windows.push(window)
      say(windowLine(window))
    }
    const isKnown = await replaySession({
      orm: database.orm,
      sessionId,
      deadlineMs: config.analysis.geminiTimeoutMs,
      onWindow,
      safeOf: vault.safeOf,
      ...other,
    })
    if (!isKnown) throw new Error('there is no such session')
    say(...summaryLines(windows))
    return windows.some(isFault) ? 1 : 0
  } finally {
    await database.close()
  }
}

if (values.session === undefined) {
  process.stderr.write('say which session: npm run replay -- --session ID [--model NAME or FILE.json]\n')
  process.exitCode = 2
} else {
  try {
    process.exitCode = await run(values.session, values.model)
  } catch (error) {
    const reasons =
      error instanceof ConfigError ? error.faults : [error instanceof Error ? error.message : String(error)]
    for (const reason of reasons) process.stderr.write(`${reason}\n`)
    process.exitCode = 2
  }
}
