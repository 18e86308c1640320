export type Vad = { readonly valence: number; readonly arousal: number; readonly dominance: number }

/** Rounds to four decimals; never returns a negative zero. */
export const round4 = (value: number) => Math.round(value * 10_000) / 10_000 + 0

/** The mean; 0 for an empty list. */
export const mean = (values: readonly number[]) =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length

/** The mean of each axis; null for an empty list, because zeros would be a measurement. */
export const meanVad = (windows: readonly Vad[]): Vad | null =>
  windows.length === 0
    ? null
    : {
        valence: round4(mean(windows.map((window) => window.valence))),
        arousal: round4(mean(windows.map((window) => window.arousal))),
        dominance: round4(mean(windows.map((window) => window.dominance))),
      }

/** Mean, minimum and maximum of a non-empty list. */
export const computeRange = (values: readonly number[]) => ({
  average: round4(mean(values)),
  minimum: round4(values.reduce((min, value) => Math.min(min, value), Infinity)),
  maximum: round4(values.reduce((max, value) => Math.max(max, value), -Infinity)),
})

/**
 * The mean of each voice measure over the windows that have it, in alphabetical order; null without voice measures. A
 * value that is not finite counts as absent.
 */
export function averageMeasures(
  windows: readonly Readonly<Record<string, number>>[],
): Record<string, number> | null {
  const byMeasure = new Map<string, number[]>()
  for (const [name, value] of windows.flatMap((measures) => Object.entries(measures))) {
    if (!Number.isFinite(value)) continue
    const values = byMeasure.get(name)
    if (values === undefined) byMeasure.set(name, [value])
    else values.push(value)
  }
  if (byMeasure.size === 0) return null
  const byName = [...byMeasure].sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(byName.map(([name, values]) => [name, round4(mean(values))]))
}
