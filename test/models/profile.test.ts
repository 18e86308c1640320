import t from 'tap'
import { createProfiles } from '../../src/models/profile.ts'

/** The thinking setting of a request to `model`: a level, a number of tokens, or null. */
function thinkingOf(model: string): unknown {
  const { thinking } = createProfiles().profileOf(model)
  return thinking && Object.values(thinking)[0]
}

t.test('each family gets the minimum of thinking that it accepts', async (t) => {
  const families: Record<string, unknown> = {
    'gemini-3.8-flash': 'low',
    'gemini-3.7-flash': 'low',
    'gemini-4-flash-preview': 'low',
    'gemini-3.1-pro-preview': 'low',
    'gemini-3-pro': 'low',
    'gemini-flash-latest': 'low',
    'gemini-flash-lite-latest': 'low',
    'gemini-pro-latest': 'low',
    'gemini-3.6-flash': 'minimal',
    'gemini-3-flash-preview': 'minimal',
    'gemini-3.8-flash-lite': 'minimal',
    'gemini-3.5-flash-lite': 'minimal',
    'gemini-3.1-flash-lite': 'minimal',
    'models/gemini-3.1-flash-lite': 'minimal',
    'gemini-2.5-pro': 128,
    'gemini-2.5-flash': 0,
    'gemini-2.5-flash-lite': 0,
    'gemini-2.0-flash': null,
    'gemini-1.5-pro': null,
    'gemma-3-27b-it': null,
  }
  for (const [model, thinking] of Object.entries(families)) t.equal(thinkingOf(model), thinking, model)
})

t.test('a thinking model gets output tokens for thoughts and answer', async (t) => {
  const configured = createProfiles([
    ['gemini-a', 'high'],
    ['gemini-b', '4096'],
    ['gemini-c', 'none'],
    ['gemini-d', 'minimal'],
    ['gemini-e', '0'],
  ])
  const room = (model: string) => configured.profileOf(model).minOutputTokens
  for (const model of ['gemini-3.8-flash', 'gemini-2.5-pro', 'gemini-flash-latest', 'gemini-a'])
    t.ok(room(model) >= 2048, model)
  t.ok(room('gemini-b') >= 4096 + 512)
  t.ok(room('gemini-c') >= 4096)
  for (const model of ['gemini-3.6-flash', 'gemini-2.5-flash', 'gemini-d', 'gemini-e'])
    t.equal(room(model), 0, `${model} does not think`)
})

t.test("an operator's setting takes precedence over the family's", async (t) => {
  const profiles = createProfiles([
    ['gemini-3.6-flash', 'medium'],
    ['gemini-2.5-pro', '1024'],
    ['gemini-3.1-pro', 'none'],
  ])
  t.same(profiles.profileOf('gemini-3.6-flash').thinking, { thinkingLevel: 'medium' })
  t.same(profiles.profileOf('gemini-2.5-pro').thinking, { thinkingBudget: 1024 })
  t.equal(profiles.profileOf('gemini-3.1-pro').thinking, null)
})

t.test(
  'a refused setting is replaced with `low`, then with none, once for concurrent refusals',
  async (t) => {
    const profiles = createProfiles()
    const model = 'gemini-3.6-flash'
    const first = profiles.profileOf(model)
    t.equal(profiles.relax(model, first), true)
    t.equal(profiles.relax(model, first), true, 'a second request that was refused the same')
    const low = profiles.profileOf(model)
    t.same(low.thinking, { thinkingLevel: 'low' })
    t.equal(profiles.relax(model, low), true)
    const none = profiles.profileOf(model)
    t.equal(none.thinking, null)
    t.equal(profiles.relax(model, none), false)
    t.same(
      profiles.profileOf('gemini-3.5-flash').thinking,
      { thinkingLevel: 'minimal' },
      'other models are unchanged',
    )
  },
)
