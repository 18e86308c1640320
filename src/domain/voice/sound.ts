/** What is kept of a moment of sound: how loud it was, and whether a voice was in it. */
export type Sound = {
  /** From the beginning of the chunk, ms. */
  readonly offsetMs: number
  readonly durationMs: number
  /** Root mean square in decibels below full scale, -100 to 0. */
  readonly level: number
  readonly voiced: boolean
}

export const SAMPLE_RATE = 16_000
const FRAME_SAMPLES = 480 // 30 ms: two periods of the lowest voice
const FULL_SCALE = 32_768
const SILENCE_DB = -100
/** Quieter than this is the room. */
const QUIET_DB = -50
/** Voices lie between 70 and 400 Hz; hissing consonants cross zero far more often than these. */
const LOWEST_HZ = 70
const HIGHEST_HZ = 400
const MOST_CROSSINGS = 0.3
/** A frame repeats itself at the period of the voice: the least correlation that counts. */
const LEAST_PERIODICITY = 0.5
/** Every second sample is enough for the period of a voice and costs a quarter. */
const STRIDE = 2

/**
 * Level and voicing of 16 kHz mono samples (signed, 16 bit), in frames of about 30 ms; neighbours that are alike are
 * one. Nothing of the sound itself is left in the result.
 * Voicing by energy and zero crossings as in Rabiner & Sambur (1975), "An algorithm for determining the endpoints of
 * isolated utterances", and by the peak of the normalised autocorrelation as in Boersma (1993).
 */
export function hear(samples: Int16Array): Sound[] {
  if (samples.length === 0) return []
  const count = Math.max(1, Math.round(samples.length / FRAME_SAMPLES))
  const sounds: { offsetMs: number; durationMs: number; power: number; voiced: boolean }[] = []
  for (let i = 0; i < count; i++) {
    const from = Math.floor((i * samples.length) / count)
    const frame = samples.subarray(from, Math.floor(((i + 1) * samples.length) / count))
    const power = powerOf(frame)
    const voiced = decibels(power) > QUIET_DB && crossings(frame) < MOST_CROSSINGS && isPeriodic(frame)
    const durationMs = (frame.length / SAMPLE_RATE) * 1000
    const last = sounds.at(-1)
    if (last?.voiced === voiced) {
      const together = last.durationMs + durationMs
      last.power = (last.power * last.durationMs + power * durationMs) / together
      last.durationMs = together
    } else sounds.push({ offsetMs: (from / SAMPLE_RATE) * 1000, durationMs, power, voiced })
  }
  return sounds.map(({ power, ...sound }) => ({ ...sound, level: decibels(power) }))
}

function powerOf(frame: Int16Array): number {
  let sum = 0
  for (const sample of frame) sum += (sample / FULL_SCALE) ** 2
  return sum / frame.length
}

const decibels = (power: number): number => Math.max(SILENCE_DB, 10 * Math.log10(power))

/** Share of samples at which the wave changes sides. */
function crossings(frame: Int16Array): number {
  let count = 0
  for (let i = 1; i < frame.length; i++) if ((frame[i] ?? 0) < 0 !== (frame[i - 1] ?? 0) < 0) count++
  return count / frame.length
}

function isPeriodic(frame: Int16Array): boolean {
  const rate = SAMPLE_RATE / STRIDE
  const wave = Float64Array.from(
    { length: Math.floor(frame.length / STRIDE) },
    (_, i) => frame[i * STRIDE] ?? 0,
  )
  /** Energy of the samples before each place, so that no lag has to add it up again. */
  const energy = new Float64Array(wave.length + 1)
  for (const [i, sample] of wave.entries()) energy[i + 1] = (energy[i] ?? 0) + sample * sample
  const whole = energy[wave.length] ?? 0
  const longest = Math.min(Math.ceil(rate / LOWEST_HZ), Math.floor(wave.length / 2))
  for (let lag = Math.floor(rate / HIGHEST_HZ); lag <= longest; lag++) {
    let product = 0
    for (let i = lag; i < wave.length; i++) product += (wave[i] ?? 0) * (wave[i - lag] ?? 0)
    const later = whole - (energy[lag] ?? 0)
    const earlier = energy[wave.length - lag] ?? 0
    if (product > LEAST_PERIODICITY * Math.sqrt(later * earlier)) return true
  }
  return false
}
