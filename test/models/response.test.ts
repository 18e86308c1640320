import t from 'tap'
import { textOf, wholeSentences, withoutFence } from '../../src/models/response.ts'

type Response = Parameters<typeof textOf>[0]
const responseOf = (...parts: object[]) =>
  ({ candidates: [{ index: 0, content: { role: 'model', parts } }] }) as Response // as it comes over the wire

t.test('thoughts are not part of the text', async (t) => {
  t.equal(
    textOf(responseOf({ text: 'a', thought: true }, { text: 'b', thought: false }, { text: 'c' })),
    'bc',
  )
  t.equal(textOf(responseOf({ inlineData: {} }, { text: 'b' })), 'b')
  t.equal(textOf({ candidates: [{ index: 0 }] } as Response), '') // blocked: without content
  t.equal(textOf({}), '')
})

t.test('only a fence around JSON is removed', async (t) => {
  for (const fenced of ['```json\n{"a": 1}\n```', '```\n{"a": 1}\n```', ' ```JSON \r\n{"a": 1}\r\n``` \n'])
    t.same(JSON.parse(withoutFence(fenced)), { a: 1 })
  for (const text of ['{"a": "```json\\n1\\n```"}', 'Here: ```json\n{}\n```', '```json\n{"a"'])
    t.equal(withoutFence(text), text)
})

t.test('a truncated text ends with its last complete sentence', async (t) => {
  const cuts: Record<string, string> = {
    '많이 지치셨겠어요. 오늘은 조금': '많이 지치셨겠어요.',
    '네, 그래요! 무엇이 가장 힘드': '네, 그래요!',
    'He said "enough." And then he': 'He said "enough."',
    'It is 3.5 degrees. Wear a co': 'It is 3.5 degrees.',
    'It was 3.5': '',
    '아직 끝나지 않': '',
    '전부 말했어요.': '전부 말했어요.',
    '': '',
  }
  for (const [text, whole] of Object.entries(cuts)) t.equal(wholeSentences(text), whole, text)
})
