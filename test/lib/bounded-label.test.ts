import t from 'tap'
import { createBoundedLabel } from '../../src/lib/bounded-label.ts'

t.test('beyond the limit new values share one label, and known ones keep theirs', async (t) => {
  const label = createBoundedLabel(2, 'other')
  t.same(['a', 'b', 'c', 'a', 'd'].map(label), ['a', 'b', 'other', 'a', 'other'])
})
