import { EMOTION_VAD, EMOTIONS, type Emotion, type EmotionReading } from '../../src/domain/emotion.ts'
import type {
  AnalysisInput,
  Asked,
  ModelAnalyser,
  ModelAnswer,
  ModelFailure,
} from '../../src/live/model/analyser.ts'

const MODEL = 'scripted-1'
const PATIENCE_MS = 60_000
const ASKED: Asked = { promptHash: 'f'.repeat(64), promptTokens: 700, answerTokens: 130, costMicroUsd: 122 }

/** One call of the model, open until the test answers it or the server cuts it off. */
export type ModelCall = {
  readonly input: AnalysisInput
  readonly signal: AbortSignal
  readonly answer: (reading: EmotionReading) => void
  readonly fail: (reason: ModelFailure) => void
}

/** A clear reading of one label. */
export function readingOf(emotion: Emotion): EmotionReading {
  const [valence, arousal, dominance] = EMOTION_VAD[emotion]
  const share = (label: Emotion) => (label === emotion ? 0.86 : 0.02)
  const scores = Object.fromEntries(
    EMOTIONS.map((label) => [label, share(label)]),
  ) as EmotionReading['scores'] // one for every label
  return { emotion, confidence: 0.86, uncertain: false, scores, valence, arousal, dominance }
}

/** A model behind the port that answers when the test says so, and keeps the port's promises about its signal. */
export function createScriptedModel() {
  const untaken: ModelCall[] = []
  const waiting: ((call: ModelCall) => void)[] = []
  let open = 0

  const analyse: ModelAnalyser['analyse'] = async (input, signal) => {
    open++
    const answer = await new Promise<ModelAnswer>((resolve) => {
      const fail = (reason: ModelFailure) =>
        resolve({
          outcome: 'failed',
          reason,
          model: MODEL,
          latencyMs: 7,
          detail: 'as the test says',
          asked: ASKED,
        })
      const call: ModelCall = {
        input,
        signal,
        fail,
        answer: (reading) =>
          resolve({ outcome: 'answered', model: MODEL, reading, latencyMs: 7, asked: ASKED }),
      }
      signal.addEventListener('abort', () => fail('aborted'), { once: true })
      const take = waiting.shift()
      if (take === undefined) untaken.push(call)
      else take(call)
    })
    open--
    return answer
  }

  const model: ModelAnalyser = { models: [MODEL], analyse }
  return {
    model,
    /** Calls without an answer so far. */
    isOpen: () => open,
    /** The oldest call not yet taken, or the next to come. */
    next: (): Promise<ModelCall> => {
      const [call] = untaken.splice(0, 1)
      if (call !== undefined) return Promise.resolve(call)
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('the model was not asked')), PATIENCE_MS)
        waiting.push((taken) => {
          clearTimeout(late)
          resolve(taken)
        })
      })
    },
  }
}
