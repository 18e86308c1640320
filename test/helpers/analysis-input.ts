import { MEASURES, type MeasureName, type MeasureValues } from '../../src/domain/face/measures.ts'
import type { AnalysisInput } from '../../src/live/model/analyser.ts'

/** The same number for every measure. */
export function everyMeasure(value: number): MeasureValues {
  // one entry for every name
  return Object.fromEntries(MEASURES.map(({ name }) => [name, value])) as Record<MeasureName, number>
}

/** What an ordinary window gives a model; fields may be replaced. */
export function analysisInput(changes: Partial<AnalysisInput> = {}): AnalysisInput {
  return {
    window: 3,
    language: 'ko',
    frameCount: 38,
    measures: {
      frameCount: 38,
      framesLeftOut: 2,
      doubt: null,
      aspect: 4 / 3,
      aspectSource: 'assumed',
      median: everyMeasure(0.41234),
      peak: everyMeasure(0.45678),
      spread: everyMeasure(0.0789),
      trend: everyMeasure(-0.0312),
      mouthMotion: 0.0723,
      speech: 0,
      onset: 0.08,
      blinksPerMinute: 14.2,
      pose: { yaw: -3.21, pitch: 4.5, roll: 0.4 },
      shape: [],
    },
    local: {
      emotion: 'happy',
      confidence: 0.6123,
      uncertain: false,
      scores: {
        happy: 0.6123,
        sad: 0.05,
        angry: 0.05,
        anxious: 0.05,
        neutral: 0.1377,
        surprised: 0.05,
        disgusted: 0.025,
        fearful: 0.025,
      },
      valence: 0.5,
      arousal: 0.3,
      dominance: 0.2,
    },
    previous: [{ window: 2, emotion: 'neutral', confidence: 0.71 }],
    speech: null,
    ...changes,
  }
}
