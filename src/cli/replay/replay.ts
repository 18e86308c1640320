import type { Orm } from '../../db/orm.ts'
import { SEALED } from '../../db/sealed-columns.ts'
import type { Emotion, EmotionReading, EmotionScores } from '../../domain/emotion.ts'
import { EMOTIONS } from '../../domain/emotion.ts'
import type { Baseline } from '../../domain/face/baseline.ts'
import { decodeMeasures } from '../../domain/face/encoding.ts'
import { LOCAL_ANALYSER_VERSION } from '../../domain/face/local-analyser.ts'
import type { WindowMeasures } from '../../domain/face/measures.ts'
import type { ModelAnalyser, ModelAnswer } from '../../live/model/analyser.ts'
import {
  decodeLearnt,
  differences,
  type Learnt,
  NOTHING_LEARNT,
  readAndLearn,
} from '../../live/face/learnt.ts'
import { questionOf, REMEMBERED_RESULTS } from '../../live/model/question.ts'
import type { Safe } from '../../lib/sealing.ts'
import { replayRepository as repository, type WindowRow as Row } from './repository.ts'

/** The stored answer of the local analyser for a window. */
type Held = {
  readonly emotion: Emotion
  readonly confidence: number
  readonly scores: EmotionScores
  /** Null if the row contains the model's values instead. */
  readonly axes: readonly number[] | null
}

/** The answer of another model for a window. */
type Compared = {
  readonly answer: ModelAnswer
  /** Whether the prompt equals the original one; null if there is no prompt then or now. */
  readonly isSamePrompt: boolean | null
}

export type ReplayedWindow = {
  readonly window: number
  /** The version of the original analyser. */
  readonly version: string
  readonly held: Held
  /** The current answer of the local analyser; undefined when the format of the measures is no longer supported. */
  readonly now: EmotionReading | undefined
  /** Names of the fields that differ; empty when the answers are equal. */
  readonly differing: readonly string[]
  readonly delivered: Pick<
    Row,
    'emotion' | 'confidence' | 'source' | 'model' | 'promptTokens' | 'answerTokens' | 'costMicroUsd'
  >
  readonly compared: Compared | undefined
}

/** A version of the local analyser. */
type OtherAnalyser = {
  readonly version: string
  readonly read: (measures: WindowMeasures, baseline?: Baseline) => EmotionReading
}

type Options = {
  readonly orm: Orm
  readonly sessionId: string
  /** A model to compare with. */
  readonly model?: ModelAnalyser
  /** An analyser to compare with; it gets the baseline that the current one has learnt. */
  readonly analyser?: OtherAnalyser
  readonly deadlineMs?: number
  readonly onWindow: (window: ReplayedWindow) => void
  /** Opens what is encrypted at rest. */
  readonly safeOf: (userId: number) => Promise<Safe>
}

/** Confidences and axes are stored as float32. */
const isStored = (stored: number, value: number): boolean => Math.fround(stored) === Math.fround(value)

const getHeld = (row: Row): Held =>
  row.source === 'local' || row.localEmotion === null || row.localScores === null
    ? { ...row, axes: [row.valence, row.arousal, row.dominance] }
    : {
        emotion: row.localEmotion,
        confidence: row.localConfidence ?? Number.NaN,
        scores: row.localScores,
        axes: null,
      }

function differingFields(held: Held, now: EmotionReading): string[] {
  const axes = [now.valence, now.arousal, now.dominance]
  return [
    ...(held.emotion === now.emotion ? [] : ['emotion']),
    ...(isStored(held.confidence, now.confidence) ? [] : ['confidence']),
    ...EMOTIONS.filter((label) => held.scores[label] !== now.scores[label]),
    ...(held.axes?.every((axis, i) => isStored(axis, axes[i] ?? Number.NaN)) === false ? ['axes'] : []),
  ]
}

/**
 * Analyses the stored windows of a session again, in order, with the baselines from its start and its calibrations, and
 * compares the answers. Only reads. Calls a model for one window at a time. Returns false when the session does not
 * exist.
 */
export async function replaySession(options: Options): Promise<boolean> {
  const { orm, sessionId, model, analyser, deadlineMs = 60_000, onWindow, safeOf } = options
  const session = await repository.findSession(orm, sessionId)
  if (session === undefined) return false
  const rows = await repository.listWindows(orm, sessionId)
  const safe = await safeOf(session.userId)
  const voices = new Map(
    (await repository.listVoice(orm, sessionId)).map((row) => [
      row.window,
      safe.openJson(row.measures, SEALED.voiceWindows.measures.at(row)),
    ]),
  )
  const { given } = decodeLearnt(
    session.baseline === null ? null : safe.open(session.baseline, SEALED.sessions.baseline.at()),
  )
  const sealed = SEALED.emotionWindows
  let learnt: Learnt = NOTHING_LEARNT
  let last = 0
  for (const [i, row] of rows.entries()) {
    const latest = given.findLast(({ from }) => from > last && from <= row.window)
    last = row.window
    if (latest !== undefined) learnt = { ...learnt, baseline: latest.baseline }
    const measures = decodeMeasures(safe.open(row.measures, sealed.measures.at(row)))
    const speech = row.sttSnippet === null ? null : safe.open(row.sttSnippet, sealed.sttSnippet.at(row))
    const before = learnt.baseline
    const again = measures && readAndLearn(learnt, measures)
    learnt = again?.learnt ?? learnt
    const held = getHeld(row)
    const compare = async (): Promise<Compared | undefined> => {
      if (measures === undefined || again === undefined) return undefined
      if (analyser !== undefined) {
        const reading = analyser.read(measures, before)
        const answer = {
          outcome: 'answered',
          reading,
          model: analyser.version,
          latencyMs: 0,
          asked: null,
        } as const
        return { answer, isSamePrompt: null }
      }
      if (model === undefined) return undefined
      const previous = rows.slice(Math.max(0, i - REMEMBERED_RESULTS), i)
      const question = questionOf(
        { number: row.window, measures, local: again.reading, differences: differences(before, measures) },
        {
          language: session.language,
          previous,
          voice: { measures: voices.get(row.window) ?? null, speech },
        },
      )
      const answer = await model.analyse(question, new AbortController().signal, deadlineMs)
      const hashes = [row.promptHash, answer.asked?.promptHash]
      return { answer, isSamePrompt: hashes.every(Boolean) ? hashes[0] === hashes[1] : null }
    }
    onWindow({
      window: row.window,
      version: row.analyserVersion,
      held,
      now: again?.reading,
      differing: again === undefined ? [] : differingFields(held, again.reading),
      delivered: row,
      compared: await compare(),
    })
  }
  return true
}

/** Whether the answers differ although the analyser version is the same. */
export const isFault = ({ version, now, differing }: ReplayedWindow): boolean =>
  version === LOCAL_ANALYSER_VERSION && (now === undefined || differing.length > 0)
