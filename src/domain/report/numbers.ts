export type Vad = { readonly valence: number; readonly arousal: number; readonly dominance: number }

/** Four decimals; never a negative zero. */
export const rounded = (value: number) => Math.round(value * 10_000) / 10_000 + 0

/** The mean; 0 of nothing. */
export const mean = (values: readonly number[]) =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length

/** The mean of each axis; null of nothing, for zeros would be a measurement. */
export const meanVad = (windows: readonly Vad[]): Vad | null =>
  windows.length === 0
    ? null
    : {
        valence: rounded(mean(windows.map((window) => window.valence))),
        arousal: rounded(mean(windows.map((window) => window.arousal))),
        dominance: rounded(mean(windows.map((window) => window.dominance))),
      }

/** Mean and extremes of at least one value. */
export const rangeOf = (values: readonly number[]) => ({
  average: rounded(mean(values)),
  minimum: rounded(values.reduce((least, value) => Math.min(least, value), Infinity)),
  maximum: rounded(values.reduce((most, value) => Math.max(most, value), -Infinity)),
})

/**
 * The mean of each voice measure over the windows that have it, in alphabetical order; null when there is no voice.
 * What is not a finite number counts as absent.
 */
export function averageMeasures(
  windows: readonly Readonly<Record<string, number>>[],
): Record<string, number> | null {
  const seen = new Map<string, number[]>()
  for (const [name, value] of windows.flatMap((measures) => Object.entries(measures))) {
    if (!Number.isFinite(value)) continue
    const values = seen.get(name)
    if (values === undefined) seen.set(name, [value])
    else values.push(value)
  }
  if (seen.size === 0) return null
  const byName = [...seen].sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(byName.map(([name, values]) => [name, rounded(mean(values))]))
}
