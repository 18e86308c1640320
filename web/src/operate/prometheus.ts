/** One line of Prometheus text: a name, its labels, a number. */
export type Sample = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** Parses Prometheus text; other lines are skipped. */
export const parseMetrics = (text: string): Sample[] =>
  text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = LINE.exec(line) ?? []
    if (name === undefined || value === undefined) return []
    const pairs = [...labels.matchAll(LABEL)].map(([, key = '', word = '']) => [
      key,
      word.replace(/\\(.)/g, '$1'),
    ])
    return {
      name,
      labels: Object.fromEntries(pairs) as Sample['labels'],
      value: Number(value.replace('Inf', 'Infinity')),
    }
  })

type Labels = Sample['labels']

const matches = (labels: Labels, wanted: Labels) =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value)

/** The sum of all samples of that name with those labels; 0 when there is none. */
export const sum = (samples: readonly Sample[], name: string, wanted: Labels = {}): number =>
  samples
    .filter((sample) => sample.name === name && matches(sample.labels, wanted))
    .reduce((total, { value }) => total + value, 0)

/** Sums by the value of one label. */
export function sumBy(samples: readonly Sample[], name: string, label: string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const sample of samples) {
    const key = sample.labels[label]
    if (sample.name === name && key !== undefined) sums.set(key, (sums.get(key) ?? 0) + sample.value)
  }
  return sums
}

/** A quantile of a histogram, by linear interpolation in its bucket as Prometheus does; undefined without observations. */
export function quantile(samples: readonly Sample[], name: string, q: number): number | undefined {
  const buckets = [...sumBy(samples, `${name}_bucket`, 'le')]
    .map(([le, count]) => ({ le: Number(le.replace('+Inf', 'Infinity')), count }))
    .sort((a, b) => a.le - b.le)
  const total = buckets.at(-1)?.count ?? 0
  if (total === 0) return undefined
  let from = { le: 0, count: 0 }
  for (const bucket of buckets) {
    if (bucket.count >= q * total) {
      if (bucket.le === Number.POSITIVE_INFINITY) return from.le
      const share = (q * total - from.count) / Math.max(1, bucket.count - from.count)
      return from.le + (bucket.le - from.le) * share
    }
    from = bucket
  }
  return from.le
}
