import { createRandom } from './random.ts'
import type { Sample } from './samples.ts'

/**
 * Root mean square distance between two median shapes, in eye distances, below which pictures count as
 * duplicates: nearest-neighbour distances have a separate small peak below it, and nine of ten of these pairs have the
 * same label.
 */
const SAME_PICTURE = 0.016

/** A group number per sample; samples of one person, or near-duplicate pictures, share it. */
export function groupsOf(samples: readonly Sample[]): number[] {
  const parent = samples.map((_, i) => i)
  const root = (i: number): number => {
    let at = i
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] ?? 0] ?? 0
      at = parent[at] ?? 0
    }
    return at
  }
  const join = (a: number, b: number) => {
    parent[root(a)] = root(b)
  }
  const first = new Map<string, number>()
  for (const [i, { source, person }] of samples.entries()) {
    const known = first.get(`${source} ${person}`)
    if (known === undefined) first.set(`${source} ${person}`, i)
    else join(i, known)
  }
  for (const [a, b] of nearDuplicates(samples)) join(a, b)
  return samples.map((_, i) => root(i))
}

/** Compares all in-the-wild pictures; stops with a pair as soon as the distance is too large. */
function* nearDuplicates(samples: readonly Sample[]): Generator<readonly [number, number]> {
  const length = samples[0]?.shape.length ?? 0
  const limit = SAME_PICTURE ** 2 * (length / 3)
  const order = samples.map((_, i) => i).filter((i) => samples[i]?.source === 'fer')
  for (let x = 0; x < order.length; x++) {
    const a = samples[order[x] ?? 0]?.shape
    for (let y = x + 1; y < order.length; y++) {
      const b = samples[order[y] ?? 0]?.shape
      if (a === undefined || b === undefined) continue
      let sum = 0
      for (let k = 0; k < length && sum <= limit; k++) sum += ((a[k] ?? 0) - (b[k] ?? 0)) ** 2
      if (sum <= limit) yield [order[x] ?? 0, order[y] ?? 0]
    }
  }
}

/**
 * A fold from 0 to `folds` - 1 for each group, drawn with a fixed seed; groups with trusted labels are distributed
 * evenly by label.
 */
export function foldsOf(
  samples: readonly Sample[],
  groups: readonly number[],
  folds: number,
  seed = 1,
): number[] {
  const foldOf = new Map<number, number>()
  const next = new Map<string, number>()
  const drawn = shuffled([...samples.keys()], seed)
  const dealt = [...drawn.filter((i) => samples[i]?.trusted), ...drawn]
  for (const i of dealt) {
    const group = groups[i] ?? 0
    if (foldOf.has(group)) continue
    const key = `${samples[i]?.source} ${samples[i]?.tier} ${samples[i]?.label}`
    const turn = next.get(key) ?? 0
    foldOf.set(group, turn % folds)
    next.set(key, turn + 1)
  }
  return groups.map((group) => foldOf.get(group) ?? 0)
}

/** Fisher-Yates shuffle, deterministic. */
function shuffled(values: readonly number[], seed: number): number[] {
  const result = [...values]
  const random = createRandom(seed)
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a, b] = [result[i] ?? 0, result[j] ?? 0]
    result[i] = b
    result[j] = a
  }
  return result
}
