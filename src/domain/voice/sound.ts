/** Level and voicing of an interval of sound. */
type Sound = {
  /** Offset from the start of the chunk, ms. */
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
/** Background noise level. */
const NOISE_DB = -50
/** Range of the fundamental frequency of voices; fricatives have far more zero crossings. */
const MIN_VOICE_HZ = 70
const MAX_VOICE_HZ = 400
const MAX_CROSSINGS = 0.3
/** Minimum normalised autocorrelation at the period of the voice. */
const MIN_PERIODICITY = 0.5
/** Every second sample is sufficient for the period and costs a quarter. */
const STRIDE = 2

/**
 * Computes level and voicing of 16 kHz mono samples (signed, 16 bit), in frames of about 30 ms; equal neighbours are
 * merged. The result contains no audio.
 * Voicing by energy and zero crossings as in Rabiner & Sambur (1975), "An algorithm for determining the endpoints of
 * isolated utterances", and by the peak of the normalised autocorrelation as in Boersma (1993).
 */
export function analyseSound(samples: Int16Array): Sound[] {
  if (samples.length === 0) return []
  const count = Math.max(1, Math.round(samples.length / FRAME_SAMPLES))
  const sounds: { offsetMs: number; durationMs: number; power: number; voiced: boolean }[] = []
  for (let i = 0; i < count; i++) {
    const from = Math.floor((i * samples.length) / count)
    const frame = samples.subarray(from, Math.floor(((i + 1) * samples.length) / count))
    const power = computePower(frame)
    const voiced =
      toDecibels(power) > NOISE_DB && computeCrossings(frame) < MAX_CROSSINGS && isPeriodic(frame)
    const durationMs = (frame.length / SAMPLE_RATE) * 1000
    const last = sounds.at(-1)
    if (last?.voiced === voiced) {
      const together = last.durationMs + durationMs
      last.power = (last.power * last.durationMs + power * durationMs) / together
      last.durationMs = together
    } else sounds.push({ offsetMs: (from / SAMPLE_RATE) * 1000, durationMs, power, voiced })
  }
  return sounds.map(({ power, ...sound }) => ({ ...sound, level: toDecibels(power) }))
}

function computePower(frame: Int16Array): number {
  let sum = 0
  for (const sample of frame) sum += (sample / FULL_SCALE) ** 2
  return sum / frame.length
}

const toDecibels = (power: number): number => Math.max(SILENCE_DB, 10 * Math.log10(power))

/** Share of samples with a zero crossing. */
function computeCrossings(frame: Int16Array): number {
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
  /** Cumulative energy, so that it need not be summed for every lag. */
  const energy = new Float64Array(wave.length + 1)
  for (const [i, sample] of wave.entries()) energy[i + 1] = (energy[i] ?? 0) + sample * sample
  const whole = energy[wave.length] ?? 0
  const longest = Math.min(Math.ceil(rate / MIN_VOICE_HZ), Math.floor(wave.length / 2))
  for (let lag = Math.floor(rate / MAX_VOICE_HZ); lag <= longest; lag++) {
    let product = 0
    for (let i = lag; i < wave.length; i++) product += (wave[i] ?? 0) * (wave[i - lag] ?? 0)
    const later = whole - (energy[lag] ?? 0)
    const earlier = energy[wave.length - lag] ?? 0
    if (product > MIN_PERIODICITY * Math.sqrt(later * earlier)) return true
  }
  return false
}
