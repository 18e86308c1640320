import type { Language } from '../../domain/language.ts'
import type { VoiceAnalysis, VoiceMeasures } from '../../domain/voice/measures.ts'

const seconds = (ms: number): string => (ms / 1000).toFixed(1)

const WORDS = {
  ko: {
    silent: (heard: string) => `${heard}초 동안 들었으나 말소리는 없었습니다.`,
    spoken: (heard: string, percent: number) => `${heard}초 동안 들은 소리 가운데 ${percent}%가 말소리였고, `,
    noPause: () => '쉼은 없었습니다.',
    pauses: (count: number, mean: string) => `쉼은 ${count}번, 평균 ${mean}초였습니다.`,
  },
  en: {
    silent: (heard: string) => `No speech in ${heard} seconds of sound.`,
    spoken: (heard: string, percent: number) => `Speech in ${percent}% of ${heard} seconds, `,
    noPause: () => 'without a pause.',
    pauses: (count: number, mean: string) =>
      `with ${count} ${count === 1 ? 'pause' : 'pauses'} of ${mean} seconds on average.`,
  },
} as const

/** One sentence about how it was said. */
function summarise(measures: VoiceMeasures, language: Language): string {
  const { observedMs, speechMs, pauseCount, meanPauseMs } = measures
  const words = WORDS[language]
  if (speechMs === 0) return words.silent(seconds(observedMs))
  const spoken = words.spoken(seconds(observedMs), Math.round((100 * speechMs) / observedMs))
  return spoken + (pauseCount === 0 ? words.noPause() : words.pauses(pauseCount, seconds(meanPauseMs)))
}

/**
 * The `data` of a `vad_analysis`. The web client knows some measures by names without units, beside which ours stand. It
 * takes any field named `speechRate` for a share of the time, so none may have that name.
 */
export const toVadAnalysis = (analysis: VoiceAnalysis, language: Language) => ({
  ...analysis,
  averagePauseDuration: analysis.meanPauseMs,
  longestPause: analysis.longestPauseMs,
  speechBurstCount: analysis.burstCount,
  averageSpeechBurst: analysis.meanBurstMs,
  summary: summarise(analysis, language),
})
