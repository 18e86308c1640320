import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import type { Config } from './config/config.ts'
import type { Baseline } from './domain/face/baseline.ts'
import { readExpressionWith } from './domain/face/local-analyser.ts'
import type { WindowMeasures } from './domain/face/measures.ts'
import { type FaceModel, LOCAL_MODEL } from './domain/face/model.ts'
import { createGeminiAnalyser } from './live/model/gemini-analyser.ts'
import { createModels, priceList, UNMETERED } from './models/models.ts'
import { createWrapping } from './lib/wrapping.ts'
import { createVault } from './db/vault.ts'
import { summaryLines, windowLine } from './tools/replay/print.ts'
import { isFault, type ReplayedWindow, replaySession } from './tools/replay/replay.ts'
import { DONE, FAILED, FOUND, print, printError, runTool, withDatabase } from './tools/run.ts'

/**
 * `npm run replay -- --session ID [--model NAME]` analyses the stored windows of a session again with the local
 * analyser and prints whether each answer is the same. With --model it also compares with that model, or with the
 * fitted analyser of that `.json` file. It only reads the database. Exit code 1: an answer differs although the
 * analyser version is the same; 2: failure.
 */
const { values } = parseArgs({ options: { session: { type: 'string' }, model: { type: 'string' } } })

function createAnalyser({ analysis: { gemini } }: Config, name: string) {
  if (gemini === null) throw new Error('GEMINI_API_KEY is not set')
  const models = createModels(
    { ...gemini, models: [name] },
    { ...UNMETERED, priceOf: priceList(gemini.prices) },
  )
  return createGeminiAnalyser({ models, timeoutMs: gemini.timeoutMs })
}

const isFitted = (model: Partial<FaceModel>): model is FaceModel =>
  [model.version, model.face, model.shape, model.change, model.anxious].every((part) => part !== undefined) &&
  isDeepStrictEqual(
    model.measures?.map(({ name }) => name),
    LOCAL_MODEL.measures.map(({ name }) => name),
  )

/** What to compare with: a fitted analyser in a file, or a Gemini model by name. */
async function createComparison(config: Config, name: string | undefined) {
  if (name === undefined) return {}
  if (!name.endsWith('.json')) return { model: createAnalyser(config, name) }
  const model = JSON.parse(await readFile(name, 'utf8')) as Partial<FaceModel>
  if (!isFitted(model)) throw new Error(`${name} is not a fitted analyser: see npm run fit`)
  return {
    analyser: {
      version: model.version,
      read: (m: WindowMeasures, baseline?: Baseline) => readExpressionWith(model, m, baseline),
    },
  }
}

async function run(config: Config, sessionId: string, modelName: string | undefined): Promise<number> {
  const other = await createComparison(config, modelName)
  return withDatabase(config, { connections: 1 }, async ({ database, secrets }) => {
    const vault = createVault(database.sql, createWrapping(config.privacy.dataKeys, secrets))
    const windows: ReplayedWindow[] = []
    const onWindow = (window: ReplayedWindow) => {
      windows.push(window)
      print(windowLine(window))
    }
    const isKnown = await replaySession({
      orm: database.orm,
      sessionId,
      deadlineMs: config.analysis.geminiTimeoutMs,
      onWindow,
      safeOf: vault.safeOf,
      ...other,
    })
    if (!isKnown) throw new Error('the session does not exist')
    print(...summaryLines(windows))
    return windows.some(isFault) ? FOUND : DONE
  })
}

await runTool(async (config) => {
  if (values.session !== undefined) return run(config, values.session, values.model)
  printError('usage: npm run replay -- --session ID [--model NAME or FILE.json]')
  return FAILED
})
