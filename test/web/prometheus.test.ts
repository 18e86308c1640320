import t from 'tap'
import { parseMetrics, quantile, sum, sumBy } from '../../web/src/operate/prometheus.ts'

const TEXT = `# HELP maeum_windows_total Windows answered.
# TYPE maeum_windows_total counter
maeum_windows_total{source="local",model_outcome="none"} 40
maeum_windows_total{source="gemini",model_outcome="answered"} 7
maeum_windows_total{source="local",model_outcome="timed_out"} 2 1795424799000
odd{label="a \\"quoted\\" word"} 1e3
maeum_model_seconds_bucket{model="a",le="0.5"} 10
maeum_model_seconds_bucket{model="a",le="1"} 90
maeum_model_seconds_bucket{model="a",le="+Inf"} 100
maeum_model_seconds_bucket{model="b",le="0.5"} 0
maeum_model_seconds_bucket{model="b",le="1"} 0
maeum_model_seconds_bucket{model="b",le="+Inf"} 0
no number here
`

t.test('the operator’s page reads Prometheus text', async (t) => {
  const samples = parseMetrics(TEXT)
  t.equal(sum(samples, 'maeum_windows_total'), 49)
  t.equal(sum(samples, 'maeum_windows_total', { source: 'local' }), 42)
  t.equal(sum(samples, 'nothing_of_that_name'), 0)
  t.same(
    [...sumBy(samples, 'maeum_windows_total', 'source')],
    [
      ['local', 42],
      ['gemini', 7],
    ],
  )
  t.match(
    samples.find(({ name }) => name === 'odd'),
    { labels: { label: 'a "quoted" word' }, value: 1000 },
  )
})

t.test('a quantile lies in its bucket, and beyond the last bound it is that bound', async (t) => {
  const samples = parseMetrics(TEXT)
  t.equal(quantile(samples, 'maeum_model_seconds', 0.5), 0.75)
  t.equal(quantile(samples, 'maeum_model_seconds', 0.95), 1)
  t.equal(quantile(samples, 'maeum_other_seconds', 0.5), undefined)
})
