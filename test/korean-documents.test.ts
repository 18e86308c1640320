import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CHANNELS, type Channel } from '../src/domain/session.ts'
import { VOICE_MESSAGES } from '../src/features/voice/messages.ts'
import { CLIENT_MESSAGES } from '../src/protocol/channels/client.ts'
import { SERVER_FRAMES } from '../src/protocol/channels/server-frames.ts'
import { ERROR_CODES, errorStatus } from '../src/protocol/errors.ts'

const GUIDE = 'docs/ko/frontend.md'
/** Korean documents with an English twin, which has the same code. */
const TWINS = [
  ['README.ko.md', 'README.md'],
  ['docs/ko/tutorial.md', 'docs/tutorial.md'],
  ['docs/ko/migrating.md', 'docs/migrating.md'],
] as const
const KOREAN = [...TWINS.map(([korean]) => korean), GUIDE]
const ENGLISH = [...TWINS.map(([, english]) => english), 'docs/websocket.md', 'docs/client.md']
/** What a name may come from: these follow the code, which other tests check. */
const SOURCES = [
  ...ENGLISH,
  'docs/architecture.md',
  'docs/operations.md',
  'docs/errors.md',
  'docs/cli.md',
  'openapi.json',
  'asyncapi.yaml',
  '.env.example',
]

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found)

const FENCE = /^ *```(.*)\n([\s\S]*?)^ *```$/gm
const COMMENT = / +(?:#|\/\/ ).*$/gm

/** The code blocks of a document, without the comments, which are translated. */
const blocksOf = (path: string) =>
  [...read(path).matchAll(FENCE)].map(([, info = '', code = '']) => ({
    info,
    code: ['sh', 'js'].includes(info) ? code.replace(COMMENT, '') : code,
  }))

/** Diagrams have translated labels; examples of REST have their route, and are checked by its schema. */
const isVerbatim = ({ info }: { info: string }) => info !== 'mermaid' && !info.startsWith('json ')

const codeOf = (path: string) =>
  blocksOf(path)
    .filter(isVerbatim)
    .map(({ code }) => code)

type Operation = {
  responses: Record<string, { content: Record<string, { schema: TSchema }> }>
}
const { paths } = JSON.parse(read('openapi.json')) as { paths: Record<string, Record<string, Operation>> }

const operationOf = (method: string, path: string) =>
  paths[path.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]

t.test('a Korean document shows the same code as its English twin', async (t) => {
  for (const [korean, english] of TWINS) t.same(codeOf(korean), codeOf(english), korean)
})

t.test('a Korean document has the same sections as its English twin', async (t) => {
  const levels = (path: string) => matches(read(path).replace(FENCE, ''), /^(#+) /gm)
  for (const [korean, english] of TWINS) t.same(levels(korean), levels(english), korean)
})

t.test('every document of docs/ko is checked', async (t) => {
  const found = readdirSync(new URL('../docs/ko', import.meta.url)).map((name) => `docs/ko/${name}`)
  t.same(
    found.filter((path) => !KOREAN.includes(path)),
    [],
  )
})

t.test('each code example of the Korean guide is an English one', async (t) => {
  const known = new Set(ENGLISH.flatMap(codeOf))
  const shown = codeOf(GUIDE)
  t.ok(shown.length >= 10)
  for (const code of shown) t.ok(known.has(code), code)
})

t.test('each REST example of the Korean guide fits the schema of its route', async (t) => {
  const examples = blocksOf(GUIDE).filter(({ info }) => info.startsWith('json '))
  t.ok(examples.length >= 2)
  for (const { info, code } of examples) {
    const [, method = '', path = '', status = ''] = info.split(' ')
    const schema = operationOf(method, path)?.responses[status]?.content['application/json']?.schema
    t.ok(schema !== undefined && Compile(Type.Unsafe(schema)).Check(JSON.parse(code)), info)
  }
})

t.test('each name in the Korean documents exists', async (t) => {
  const known = SOURCES.map(read).join('\n').replace(/\s+/g, ' ')
  for (const path of KOREAN) {
    const spans = matches(read(path).replace(FENCE, ''), /`([^`]+)`/g).map((span) =>
      span.replace(/\s+/g, ' '),
    )
    t.ok(spans.length > 5, path)
    for (const span of new Set(spans)) {
      const [, method, route = ''] = /^(GET|POST|PUT|PATCH|DELETE) (\/\S+)$/.exec(span) ?? []
      const exists = method === undefined ? known.includes(span) : operationOf(method, route) !== undefined
      t.ok(exists, `${path}: ${span}`)
    }
  }
})

t.test('close codes and refused handshakes are those of the English document', async (t) => {
  /** Rows that begin with a status or close code: the code and its reasons. */
  const codes = (path: string) => matches(read(path), /^(\| \d{3,4} \|[^|]*\|)/gm).sort()
  t.ok(codes(GUIDE).length >= 15)
  t.same(codes(GUIDE), codes('docs/websocket.md'))
})

t.test('error codes of the Korean guide have their status', async (t) => {
  const rows = [...read(GUIDE).matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)]
  t.ok(rows.length >= 10)
  for (const [, name = '', status] of rows) {
    const code = ERROR_CODES.find((known) => known === name)
    t.ok(code !== undefined && errorStatus(code) === Number(status), `${name}: ${status}`)
  }
})

t.test('the Korean guide describes every message of every channel, in its direction', async (t) => {
  const nameOf = (schema: TSchema) =>
    (schema as unknown as { properties: { type: { const: string } } }).properties.type.const
  const names = (channel: Channel) => ({
    보냄: [
      ...CLIENT_MESSAGES[channel].map(nameOf),
      ...(channel === 'voice' ? VOICE_MESSAGES.map(({ type }) => type) : []),
    ],
    받음: SERVER_FRAMES[channel].map(nameOf),
  })
  const text = read(GUIDE)
  const section = (heading: string) => text.split(`${heading}\n`)[1]?.split(/^#/m)[0] ?? ''
  const described = (part: string, direction: '보냄' | '받음') =>
    matches(part, new RegExp(`^\\| ${direction} \\|([^|]*)\\|`, 'gm')).flatMap((cell) =>
      matches(cell, /`(\w+)`/g),
    )
  for (const direction of ['보냄', '받음'] as const) {
    const newer = described(section('## maeum.v2'), direction)
    t.ok(newer.length > 0)
    const known = CHANNELS.flatMap((channel) => names(channel)[direction])
    for (const name of newer) t.ok(known.includes(name), `maeum.v2, ${direction}: ${name}`)
    for (const channel of CHANNELS) {
      const here = described(section(`### ${channel}`), direction)
      const sent = new Set<string>(names(channel)[direction])
      t.same(
        here.filter((name) => !sent.has(name)),
        [],
        `${channel}, ${direction}: all exist`,
      )
      t.same(
        [...sent].filter((name) => !here.includes(name) && !newer.includes(name)),
        [],
        `${channel}, ${direction}: none is missing`,
      )
    }
  }
})
