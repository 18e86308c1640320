import t from 'tap'
import { countAges } from '../../src/http/metric-labels.ts'

t.test('results are counted by how long they have waited', async (t) => {
  const counted = Object.fromEntries(countAges([0, 999, 1000, 9999, 10_000, 60_000, 3_600_000]))
  t.same(counted, { under_1s: 2, '1s_to_10s': 2, '10s_to_60s': 1, over_60s: 2 })
  t.same(
    countAges([]).map(([, count]) => count),
    [0, 0, 0, 0],
    'each label is there without results',
  )
})
