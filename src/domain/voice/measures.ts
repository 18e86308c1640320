import { clip, gaps, type Interval, join, lengths, total } from './intervals.ts'
import { countCharacters, countSyllables } from './syllables.ts'

/** Voice activity and text, in milliseconds of the session's clock. */
export type VoiceEvent =
  /** An interval that the client's detector classified as speech or silence; energy in the client's unit. */
  | (Interval & { readonly kind: 'vad'; readonly isSpeech: boolean; readonly energy: number | null })
  /** An interval of audio analysed by the server; level in dB below full scale. */
  | (Interval & { readonly kind: 'sound'; readonly voiced: boolean; readonly level: number })
  | { readonly kind: 'words'; readonly at: number; readonly text: string }

/** Voice measures of one window; null where nothing could be measured. */
export type VoiceMeasures = {
  /** Time between the first and the last observation, ms. All other times are parts of it. */
  readonly observedMs: number
  readonly speechMs: number
  readonly silenceMs: number
  /** Shares of `observedMs`, 0 to 0.999. */
  readonly speechRatio: number
  readonly pauseRatio: number
  /** Intervals of speech with silences of at most one second. */
  readonly turnCount: number
  readonly meanTurnMs: number
  readonly longestTurnMs: number
  /** Intervals of speech without a pause. */
  readonly burstCount: number
  readonly meanBurstMs: number
  /** Silences of at least 250 ms between speech. */
  readonly pauseCount: number
  readonly meanPauseMs: number
  readonly longestPauseMs: number
  readonly utteranceCount: number
  readonly syllableCount: number
  readonly characterCount: number
  /** Syllables per second of speech. */
  readonly syllablesPerSecond: number | null
  /** Mean energy of the speech, in the client's unit, and its standard deviation as a share of that mean. */
  readonly energyMean: number | null
  readonly energyVariability: number | null
  /** Mean and standard deviation of the level of the speech, dB below full scale and dB. */
  readonly levelMean: number | null
  readonly levelVariability: number | null
}

/** The voice in a window, as its analysis uses it. */
export type WindowVoice = {
  /** Null without any sound; measures that could not be taken are omitted. */
  readonly measures: Readonly<Record<string, number>> | null
  /** What was said, at most 280 characters, or null; known only where the voice socket is. */
  readonly speech: string | null
}

/** The measures of one window on the voice channel; `timestamp` in milliseconds since the epoch. */
export type VoiceAnalysis = VoiceMeasures & { readonly timestamp: number; readonly window: number }

/** Tolerated gap between consecutive reports of the client's detector. */
const JITTER_MS = 60
/** Shorter silences are part of articulation. Goldman-Eisler (1968), "Psycholinguistics: experiments in spontaneous speech". */
const MIN_PAUSE_MS = 250
/** A longer silence ends a turn. Jefferson (1989), "A standard maximum silence". */
const MAX_PAUSE_IN_TURN_MS = 1000
/** Ratios stay below 1 on the wire. */
const MAX_RATIO = 0.999
/** Minimum speech for a speech rate. */
const MIN_SPEECH_MS = 500

/** Whether any voice event falls into the window. */
export const hasVoice = (events: readonly VoiceEvent[], window: Interval): boolean =>
  events.some((event) =>
    event.kind === 'words'
      ? event.at >= window.from && event.at < window.to
      : event.from < window.to && event.to > window.from,
  )

/** Measures the events of a window. Results of the client's detector take precedence over the server's. */
export function measureVoice(events: readonly VoiceEvent[], window: Interval): VoiceMeasures {
  const within = <Event extends Interval>(found: readonly Event[]): Event[] =>
    found.flatMap((event) => clip([event], window).map((part) => ({ ...event, ...part })))
  const detected = within(events.filter((event) => event.kind === 'vad'))
  const sounds = within(events.filter((event) => event.kind === 'sound'))
  const texts = events.flatMap((event) =>
    event.kind === 'words' && event.at >= window.from && event.at < window.to ? [event.text] : [],
  )

  const speech =
    detected.length > 0
      ? join(
          detected.filter(({ isSpeech }) => isSpeech),
          JITTER_MS,
        )
      : join(
          sounds.filter(({ voiced }) => voiced),
          MIN_PAUSE_MS, // bridges unvoiced consonants
        )
  const turns = lengths(join(speech, MAX_PAUSE_IN_TURN_MS))
  const joined = join(speech, MIN_PAUSE_MS)
  const bursts = lengths(joined)
  const pauses = lengths(gaps(joined))
  const speechMs = total(lengths(speech))
  const observedMs = getSpan([...detected, ...sounds])
  const syllableCount = total(texts.map(countSyllables))
  const energies = detected.flatMap((event) =>
    event.isSpeech && event.energy !== null ? [{ value: event.energy, ms: event.to - event.from }] : [],
  )
  const energy = spread(energies)
  const level = spread(
    sounds.flatMap((sound) => (sound.voiced ? [{ value: sound.level, ms: sound.to - sound.from }] : [])),
  )

  // The most informative measures first: a model receives only the first few.
  return {
    speechRatio: ratio(speechMs, observedMs),
    pauseRatio: ratio(total(pauses), observedMs),
    syllablesPerSecond:
      speechMs < MIN_SPEECH_MS || syllableCount === 0 ? null : round(syllableCount / (speechMs / 1000)),
    energyVariability: energy === null || energy.mean === 0 ? null : round(energy.deviation / energy.mean),
    levelVariability: level === null ? null : round(level.deviation),
    pauseCount: pauses.length,
    turnCount: turns.length,
    observedMs: Math.round(observedMs),
    speechMs: Math.round(speechMs),
    silenceMs: Math.round(observedMs) - Math.round(speechMs),
    meanTurnMs: Math.round(mean(turns)),
    longestTurnMs: Math.round(Math.max(0, ...turns)),
    burstCount: bursts.length,
    meanBurstMs: Math.round(mean(bursts)),
    meanPauseMs: Math.round(mean(pauses)),
    longestPauseMs: Math.round(Math.max(0, ...pauses)),
    utteranceCount: texts.length,
    syllableCount,
    characterCount: total(texts.map(countCharacters)),
    energyMean: energy === null ? null : round(energy.mean),
    levelMean: level === null ? null : round(level.mean),
  }
}

const getSpan = (observed: readonly Interval[]): number =>
  observed.length === 0
    ? 0
    : Math.max(...observed.map(({ to }) => to)) - Math.min(...observed.map(({ from }) => from))

const ratio = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.min(MAX_RATIO, round(part / whole))

const mean = (numbers: readonly number[]): number =>
  numbers.length === 0 ? 0 : total(numbers) / numbers.length

/** Mean and standard deviation, weighted by duration. */
function spread(values: readonly { readonly value: number; readonly ms: number }[]) {
  const ms = total(values.map((one) => one.ms))
  if (ms === 0) return null
  const average = total(values.map((one) => one.value * one.ms)) / ms
  const variance = total(values.map((one) => (one.value - average) ** 2 * one.ms)) / ms
  return { mean: average, deviation: Math.sqrt(variance) }
}

/** Rounds to three decimals, without -0. */
const round = (value: number): number => Math.round(value * 1000) / 1000 || 0
