import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { Type } from 'typebox'
import type { Config } from '../config/config.ts'
import { createVault } from '../db/vault.ts'
import type { Baseline } from '../domain/face/baseline.ts'
import { readExpressionWith } from '../domain/face/local-analyser.ts'
import type { WindowMeasures } from '../domain/face/measures.ts'
import { type FaceModel, LOCAL_MODEL } from '../domain/face/model.ts'
import { logId } from '../lib/redact.ts'
import { createWrapping } from '../lib/wrapping.ts'
import { createGeminiAnalyser } from '../live/model/gemini-analyser.ts'
import { createModels, priceList, UNMETERED } from '../models/models.ts'
import { CommandError, type Context, defineCommand, EXIT, getArgument, getText } from './command.ts'
import { withDatabase } from './database.ts'
import { countWindows, summaryLines, windowLine } from './replay/print.ts'
import { isFault, type ReplayedWindow, replaySession } from './replay/replay.ts'
import { ReplayedView, toReplayedView } from './replay/view.ts'
import { findSession, SESSION } from './find-session.ts'
import type { Texts } from './texts.ts'

function createAnalyser({ analysis: { gemini } }: Config, name: string, texts: Texts) {
  if (gemini === null) throw new CommandError(texts('replay.noKey'))
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
async function createComparison(config: Config, name: string | undefined, texts: Texts) {
  if (name === undefined) return {}
  if (!name.endsWith('.json')) return { model: createAnalyser(config, name, texts) }
  const model = JSON.parse(await readFile(name, 'utf8')) as Partial<FaceModel> // checked below
  if (!isFitted(model)) throw new CommandError(texts('replay.notFitted', { file: name }))
  return {
    analyser: {
      version: model.version,
      read: (m: WindowMeasures, baseline?: Baseline) => readExpressionWith(model, m, baseline),
    },
  }
}

/** Analyses the windows of a session again. Without `--json` each window is printed when it is read. */
async function run(context: Context, named: string, modelName: string | undefined) {
  const { isJson, terminal, texts } = context
  const config = context.readConfig()
  const other = await createComparison(config, modelName, texts)
  return withDatabase(context, { connections: 1 }, async ({ database, secrets }) => {
    const { id } = await findSession(database.orm, named, context)
    const vault = createVault(database.sql, createWrapping(config.privacy.dataKeys, secrets))
    const windows: ReplayedWindow[] = []
    await replaySession({
      orm: database.orm,
      sessionId: id,
      deadlineMs: config.analysis.geminiTimeoutMs,
      onWindow: (window) => {
        windows.push(window)
        if (isJson) context.progress.show(windowLine(window, texts))
        else terminal.stdout.write(`${windowLine(window, texts)}\n`)
      },
      safeOf: vault.safeOf,
      ...other,
    })
    return { id, windows }
  })
}

/**
 * Analyses the stored windows of a session again with the local analyser, and with `--model` with another one. Only
 * reads the database.
 */
export const replay = defineCommand({
  name: 'replay',
  text: 'replay',
  arguments: [SESSION],
  options: [{ flags: '--model <name>', text: 'option.model' }],
  examples: [
    'replay sess_CUfrvLm',
    'replay sess_CUfrvLm --model gemini-3.1-flash-lite',
    'replay sess_CUfrvLm --model local-3.json --json',
  ],
  finding: 'replay.finding',
  result: Type.Object({
    session: Type.String(),
    equal: Type.Integer(),
    different: Type.Integer({ description: 'answers that differ although the analyser version is the same' }),
    other: Type.Integer({ description: 'answers of another analyser version that differ' }),
    summary: Type.Array(Type.String(), { description: 'the last lines of the text output' }),
    windows: Type.Array(ReplayedView),
  }),
  run: async (context, input) => {
    const { id, windows } = await run(context, getArgument(input, 0), getText(input, 'model'))
    const { equal, different, other } = countWindows(windows)
    return {
      result: {
        session: logId(id),
        ...{ equal, different, other },
        summary: summaryLines(windows, context.texts),
        windows: windows.map(toReplayedView),
      },
      exit: windows.some(isFault) ? EXIT.found : EXIT.done,
    }
  },
  print: ({ summary }) => summary,
})
