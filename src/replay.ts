import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import type { Config } from './config.ts'
import type { Baseline } from './domain/face/baseline.ts'
import { readWith } from './domain/face/local-analyser.ts'
import type { WindowMeasures } from './domain/face/measures.ts'
import { type FaceModel, LOCAL_MODEL } from './domain/face/model.ts'
import { createGeminiAnalyser } from './features/analysis/model/gemini-analyser.ts'
import { createWrapping } from './lib/wrapping.ts'
import { createVault } from './plugins/vault.ts'
import { summaryLines, windowLine } from './tools/replay/print.ts'
import { isFault, type ReplayedWindow, replaySession } from './tools/replay/replay.ts'
import { complain, DONE, FAILED, FOUND, runTool, say, withDatabase } from './tools/run.ts'

/**
 * `npm run replay -- --session ID [--model NAME]` reads the stored windows of a session again with the local analyser and
 * says of each whether the answer is the same; with --model it also asks that model, or reads them with the fitted
 * analyser of that `.json` file, and compares. It only reads the database, which it finds as the server does. Exit code
 * 1: an answer differs though the analyser is the same; 2: it could not be done.
 */
const { values } = parseArgs({ options: { session: { type: 'string' }, model: { type: 'string' } } })

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

async function run(config: Config, sessionId: string, modelName: string | undefined): Promise<number> {
  const other = await besides(config, modelName)
  return withDatabase(config, { connections: 1 }, async ({ database, secrets }) => {
    const vault = createVault(database.sql, createWrapping(config.privacy.dataKeys, secrets))
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
    return windows.some(isFault) ? FOUND : DONE
  })
}

await runTool(async (config) => {
  if (values.session !== undefined) return run(config, values.session, values.model)
  complain('say which session: npm run replay -- --session ID [--model NAME or FILE.json]')
  return FAILED
})
