import { and, asc, eq, isNotNull } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { emotionWindows, sessions, voiceWindows } from '../../db/schema/index.ts'
import type { Emotion, EmotionReading, EmotionScores } from '../../domain/emotion.ts'
import { EMOTIONS } from '../../domain/emotion.ts'
import type { Baseline } from '../../domain/face/baseline.ts'
import { decodeMeasures } from '../../domain/face/encoding.ts'
import { LOCAL_ANALYSER_VERSION } from '../../domain/face/local-analyser.ts'
import type { WindowMeasures } from '../../domain/face/measures.ts'
import { BASELINE, windowRow } from '../../domain/sealed-rows.ts'
import type { ModelAnalyser, ModelAnswer } from '../../features/analysis/analyser.ts'
import {
  decodeLearnt,
  differences,
  type Learnt,
  NOTHING_LEARNT,
  readAndLearn,
} from '../../features/analysis/learnt.ts'
import { questionOf, REMEMBERED_RESULTS } from '../../features/analysis/question.ts'
import type { Safe } from '../../lib/sealing.ts'

type Row = typeof emotionWindows.$inferSelect

/** What the local analyser had said of a window, as far as its row keeps it. */
type Held = {
  readonly emotion: Emotion
  readonly confidence: number
  readonly scores: EmotionScores
  /** Null where the model's answer stands in their place. */
  readonly axes: readonly number[] | null
}

/** What another model says of a window, beside what was delivered. */
export type Compared = {
  readonly answer: ModelAnswer
  /** Whether it was asked the same as at that time; null when nothing was asked then, or nothing now. */
  readonly isSamePrompt: boolean | null
}

export type ReplayedWindow = {
  readonly window: number
  /** Of the analyser that read it then. */
  readonly version: string
  readonly held: Held
  /** What the local analyser says now; undefined when the measures are of a version that cannot be read any more. */
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
export type OtherAnalyser = {
  readonly version: string
  readonly read: (measures: WindowMeasures, baseline?: Baseline) => EmotionReading
}

type Options = {
  readonly orm: Orm
  readonly sessionId: string
  /** Asked about each window as well. */
  readonly model?: ModelAnalyser
  /** Reads each window as well, with the neutral face that ours has learnt. */
  readonly analyser?: OtherAnalyser
  readonly deadlineMs?: number
  readonly onWindow: (window: ReplayedWindow) => void
  /** Opens what is encrypted at rest. */
  readonly safeOf: (userId: number) => Promise<Safe>
}

/** Columns of confidences and axes hold float32, of which the database tells the shortest digits. */
const isStored = (stored: number, value: number): boolean => Math.fround(stored) === Math.fround(value)

const heldIn = (row: Row): Held =>
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
 * Reads the stored windows of a session again, in order, with what was given to it at its start or by calibration, and
 * compares. Returns false when there is no such session; only reads. A model is asked one window after the other.
 */
export async function replaySession(options: Options): Promise<boolean> {
  const { orm, sessionId, model, analyser, deadlineMs = 60_000, onWindow, safeOf } = options
  const [session] = await orm.select().from(sessions).where(eq(sessions.id, sessionId)).limit(1)
  if (session === undefined) return false
  const rows = await orm
    .select()
    .from(emotionWindows)
    .where(and(eq(emotionWindows.sessionId, sessionId), isNotNull(emotionWindows.answeredAt)))
    .orderBy(asc(emotionWindows.window))
  const safe = await safeOf(session.userId)
  const voices = new Map(
    (await orm.select().from(voiceWindows).where(eq(voiceWindows.sessionId, sessionId))).map((row) => [
      row.window,
      safe.openJson(row.measures, 'voice_windows.measures', windowRow(sessionId, row.window)),
    ]),
  )
  const { given } = decodeLearnt(session.baseline === null ? null : safe.open(session.baseline, BASELINE))
  let learnt: Learnt = NOTHING_LEARNT
  let last = 0
  for (const [i, row] of rows.entries()) {
    const latest = given.findLast(({ from }) => from > last && from <= row.window)
    last = row.window
    if (latest !== undefined) learnt = { ...learnt, baseline: latest.baseline }
    const place = windowRow(sessionId, row.window)
    const measures = decodeMeasures(safe.open(row.measures, 'emotion_windows.measures', place))
    const speech =
      row.sttSnippet === null ? null : safe.open(row.sttSnippet, 'emotion_windows.stt_snippet', place)
    const before = learnt.baseline
    const again = measures && readAndLearn(learnt, measures)
    learnt = again?.learnt ?? learnt
    const held = heldIn(row)
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
          heard: { measures: voices.get(row.window) ?? null, speech },
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

/** Whether a difference is none that a newer analyser explains. */
export const isFault = ({ version, now, differing }: ReplayedWindow): boolean =>
  version === LOCAL_ANALYSER_VERSION && (now === undefined || differing.length > 0)
