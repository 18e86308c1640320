import { clip, gaps, type Interval, join, lengths, total } from './intervals.ts'
import { countCharacters, countSyllables } from './syllables.ts'

/** What is known of a voice at some time of the session's clock, milliseconds; how it was said, and what. */
export type VoiceEvent =
  /** A stretch that the client's own detector took for speech or for silence; energy in the client's unit. */
  | (Interval & { readonly kind: 'vad'; readonly isSpeech: boolean; readonly energy: number | null })
  /** A stretch of audio that was heard here; level in dB below full scale. */
  | (Interval & { readonly kind: 'sound'; readonly voiced: boolean; readonly level: number })
  | { readonly kind: 'words'; readonly at: number; readonly text: string }

/** Measures of the voice in one window; null where nothing was there to be measured. */
export type VoiceMeasures = {
  /** Time between the first and the last thing heard, ms. All other times are parts of it. */
  readonly observedMs: number
  readonly speechMs: number
  readonly silenceMs: number
  /** Shares of `observedMs`, 0 to 0.999. */
  readonly speechRatio: number
  readonly pauseRatio: number
  /** Stretches of speech with no more than a second of silence in them. */
  readonly turnCount: number
  readonly meanTurnMs: number
  readonly longestTurnMs: number
  /** Stretches of speech without a pause in them. */
  readonly burstCount: number
  readonly meanBurstMs: number
  /** Silences of 250 ms and more with speech on both sides. */
  readonly pauseCount: number
  readonly meanPauseMs: number
  readonly longestPauseMs: number
  readonly utteranceCount: number
  readonly syllableCount: number
  readonly characterCount: number
  /** Syllables for each second of speech. */
  readonly syllablesPerSecond: number | null
  /** Mean energy of the speech, in the client's unit, and its standard deviation as a share of that mean. */
  readonly energyMean: number | null
  readonly energyVariability: number | null
  /** Mean and standard deviation of the level of the speech, dB below full scale and dB. */
  readonly levelMean: number | null
  readonly levelVariability: number | null
}

/** Between reports that follow each other: a detector's timer is not exact. */
const JITTER_MS = 60
/** Shorter silences belong to the words. Goldman-Eisler (1968), "Psycholinguistics: experiments in spontaneous speech". */
const SHORTEST_PAUSE_MS = 250
/** After this long a silence within a talk is taken for its end. Jefferson (1989), "A standard maximum silence". */
const LONGEST_PAUSE_IN_TURN_MS = 1000
/** Ratios stay below 1 on the wire. */
const LARGEST_RATIO = 0.999
/** Less speech than this says nothing about its rate. */
const LEAST_SPEECH_MS = 500

/** Whether anything of the voice falls into the window. */
export const hasVoice = (events: readonly VoiceEvent[], window: Interval): boolean =>
  events.some((event) =>
    event.kind === 'words'
      ? event.at >= window.from && event.at < window.to
      : event.from < window.to && event.to > window.from,
  )

/** The measures of what falls into the window. The client's own detector is believed where it said anything. */
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
          SHORTEST_PAUSE_MS, // consonants have no voice
        )
  const turns = lengths(join(speech, LONGEST_PAUSE_IN_TURN_MS))
  const joined = join(speech, SHORTEST_PAUSE_MS)
  const bursts = lengths(joined)
  const pauses = lengths(gaps(joined))
  const speechMs = total(lengths(speech))
  const observedMs = spanOf([...detected, ...sounds])
  const syllableCount = total(texts.map(countSyllables))
  const energies = detected.flatMap((event) =>
    event.isSpeech && event.energy !== null ? [{ value: event.energy, ms: event.to - event.from }] : [],
  )
  const energy = spread(energies)
  const level = spread(
    sounds.flatMap((sound) => (sound.voiced ? [{ value: sound.level, ms: sound.to - sound.from }] : [])),
  )

  // The most telling first: a model is told of no more than the first few.
  return {
    speechRatio: ratio(speechMs, observedMs),
    pauseRatio: ratio(total(pauses), observedMs),
    syllablesPerSecond:
      speechMs < LEAST_SPEECH_MS || syllableCount === 0 ? null : round(syllableCount / (speechMs / 1000)),
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

const spanOf = (heard: readonly Interval[]): number =>
  heard.length === 0 ? 0 : Math.max(...heard.map(({ to }) => to)) - Math.min(...heard.map(({ from }) => from))

const ratio = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.min(LARGEST_RATIO, round(part / whole))

const mean = (numbers: readonly number[]): number =>
  numbers.length === 0 ? 0 : total(numbers) / numbers.length

/** Mean and standard deviation, each value for as long as it lasted. */
function spread(values: readonly { readonly value: number; readonly ms: number }[]) {
  const ms = total(values.map((one) => one.ms))
  if (ms === 0) return null
  const middle = total(values.map((one) => one.value * one.ms)) / ms
  const variance = total(values.map((one) => (one.value - middle) ** 2 * one.ms)) / ms
  return { mean: middle, deviation: Math.sqrt(variance) }
}

/** Three decimals, and no -0. */
const round = (value: number): number => Math.round(value * 1000) / 1000 || 0
