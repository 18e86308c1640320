import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { type Config, ConfigError, readConfig } from '../src/config.ts'
import { openDatabase } from '../src/db/client.ts'
import { createGeminiAnalyser } from '../src/features/analysis/model/gemini-analyser.ts'
import { keptSecret } from '../src/lib/kept-secret.ts'
import { createWrapping } from '../src/lib/wrapping.ts'
import { createVault } from '../src/plugins/vault.ts'
import { summaryLines, windowLine } from './replay/print.ts'
import { isFault, type ReplayedWindow, replaySession } from './replay/replay.ts'

/**
 * `npm run replay -- --session ID [--model NAME]` reads the stored windows of a session again with the local analyser and
 * says of each whether the answer is the same; with --model it also asks that model and compares. It only reads the
 * database, which it finds as the server does. Exit code 1: an answer differs though the analyser is the same; 2: it could
 * not be done.
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
    priceOf: (model) => prices.get(model),
  })
}

async function run(sessionId: string, modelName: string | undefined): Promise<number> {
  if (existsSync('.env')) process.loadEnvFile('.env')
  const config = readConfig(process.env)
  const model = modelName === undefined ? {} : { model: modelOf(config, modelName) }
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
      ...model,
    })
    if (!isKnown) throw new Error('there is no such session')
    say(...summaryLines(windows))
    return windows.some(isFault) ? 1 : 0
  } finally {
    await database.close()
  }
}

if (values.session === undefined) {
  process.stderr.write('say which session: npm run replay -- --session ID [--model NAME]\n')
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
