import t from 'tap'
import { DOUBLE_KEY, createGeminiDouble, type Script } from '../helpers/gemini-double.ts'
import {
  answer,
  dailyQuota,
  hangBeforeHeaders,
  html,
  keyRefused,
  modelNotFound,
  overloaded,
  rateLimited,
  regionRefused,
  reset,
  settingRefused,
  type Step,
  thoughtOnly,
} from '../helpers/gemini-steps.ts'
import { type Expected, examine, expectFinding, statusOf } from './kit.ts'

const FIRST = 'gemini-3.5-flash-lite'
const SECOND = 'gemini-3.1-flash-lite'
const MODELS = `${FIRST},${SECOND}`
const CHECK = `model ${FIRST}`

type Planted = readonly [
  fault: string,
  step: Step,
  expected: Expected,
  settings?: Readonly<Record<string, string>>,
]

const THINKING = settingRefused('Thinking level MINIMAL is not supported for this model.')

const PLANTED: readonly Planted[] = [
  ['none', answer('ok'), [CHECK, 'ok', /^answered after \d+ ms$/]],
  ['all tokens used for thinking', thoughtOnly(), [CHECK, 'ok', /answered/]],
  ['a wrong key', keyRefused(), [CHECK, 'fail', /refuses the key \(HTTP 400\)/, /GEMINI_API_KEY/]],
  ['a key without access', keyRefused(403), [CHECK, 'fail', /refuses the key \(HTTP 403\)/, /restrictions/]],
  ['a retired model', modelNotFound(), [CHECK, 'fail', /HTTP 404\): it was retired/, /GEMINI_MODELS/]],
  ['a region', regionRefused(), [CHECK, 'fail', /region of this server/, /supported region/]],
  ['every thinking setting refused', THINKING, [CHECK, 'fail', /thinking setting/, /GEMINI_THINKING/]],
  ['another setting refused', settingRefused(), [CHECK, 'fail', /rejects .*HTTP 400/, /GEMINI_MODELS/]],
  ['a quota', rateLimited(), [CHECK, 'warn', /quota is used up \(HTTP 429/, /quota/]],
  ['a quota of the day', dailyQuota(), [CHECK, 'warn', /quota of the day/, /quota/]],
  ['an overload', overloaded(), [CHECK, 'warn', /overloaded \(HTTP 503\)/, /later/]],
  ['a lost connection', reset(), [CHECK, 'fail', /cannot be reached/, /firewall/]],
  ['the page of a proxy', html(), [CHECK, 'warn', /not usable \(malformed/, /GEMINI_BASE_URL/]],
  [
    'no answer in time',
    hangBeforeHeaders(),
    [CHECK, 'warn', /no answer within \d+ ms/, /GEMINI_TIMEOUT_MS/],
    { GEMINI_TIMEOUT_MS: '1000' },
  ],
  [
    'an answer after the deadline of a window',
    answer('ok', { after: 80 }),
    [CHECK, 'warn', /later than ANALYSIS_DEADLINE_MS \(50 ms\)/, /faster model/],
    { ANALYSIS_DEADLINE_MS: '50' },
  ],
]

t.test('each model is asked once, and each fault is found', async (t) => {
  for (const [fault, step, expected, settings = {}] of PLANTED) {
    await t.test(fault, async (t) => {
      const script: Script = ({ model }) => (model === FIRST ? step : answer('ok'))
      const double = await createGeminiDouble(t, script)
      const findings = await examine({
        GEMINI_API_KEY: DOUBLE_KEY,
        GEMINI_BASE_URL: double.baseUrl,
        GEMINI_MODELS: MODELS,
        ...settings,
      })
      expectFinding(t, findings, expected)
      t.notMatch(JSON.stringify(findings), DOUBLE_KEY)
      t.equal(double.requests.filter(({ model }) => model === SECOND).length, 1)
    })
  }
})

t.test('a refused thinking setting is found although the model answers with another', async (t) => {
  const steps = [THINKING, answer('ok')]
  const double = await createGeminiDouble(t, steps)
  const findings = await examine({
    GEMINI_API_KEY: DOUBLE_KEY,
    GEMINI_BASE_URL: double.baseUrl,
    GEMINI_MODELS: FIRST,
  })
  expectFinding(t, findings, [CHECK, 'warn', /refuses the thinking setting/, new RegExp(`${FIRST}=low`)])
  t.equal(double.requests.length, 2)
})

t.test('the wrong key is found with the key check of the API', async (t) => {
  const double = await createGeminiDouble(t, [answer('ok')])
  const findings = await examine({
    GEMINI_API_KEY: 'AIzaWrong',
    GEMINI_BASE_URL: double.baseUrl,
    GEMINI_MODELS: MODELS,
  })
  t.same(statusOf(findings, CHECK), ['fail'])
  t.same(statusOf(findings, `model ${SECOND}`), ['fail'])
  t.notMatch(JSON.stringify(findings), /AIzaWrong/)
})

t.test('an API that cannot be reached is found', async (t) => {
  const findings = await examine({
    GEMINI_API_KEY: DOUBLE_KEY,
    GEMINI_BASE_URL: 'http://127.0.0.1:1',
    GEMINI_MODELS: FIRST,
  })
  expectFinding(t, findings, [CHECK, 'fail', /cannot be reached/, /GEMINI_BASE_URL/])
})

t.test('a missing price is a failure only with a budget', async (t) => {
  const double = await createGeminiDouble(t, [answer('ok')])
  const settings = {
    GEMINI_API_KEY: DOUBLE_KEY,
    GEMINI_BASE_URL: double.baseUrl,
    GEMINI_MODELS: `${FIRST},gemini-3.6-flash`,
  }
  expectFinding(t, await examine(settings), ['model.prices', 'ok', /no price for gemini-3\.6-flash/])
  const findings = await examine({ ...settings, GEMINI_DAILY_BUDGET_USD: '5' })
  expectFinding(t, findings, ['model.prices', 'fail', /gemini-3\.6-flash has no price/, /GEMINI_PRICES/])
})
