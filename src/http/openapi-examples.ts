/** The used part of a JSON schema. */
type Schema = {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly examples?: readonly unknown[]
  readonly description?: string
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
}

type Content = Record<string, { schema?: Schema; example?: unknown }>
type Operation = {
  requestBody?: { content?: Content }
  responses?: Record<string, { content?: Content }>
}
export type OpenApi = { paths?: Record<string, Record<string, Operation>> }

const AT = 1_772_409_900_000
const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.pG4Xs0d0Yt1n8bQwq3vZ'
const SOCKET = (channel: string) =>
  `ws://localhost:8000/ws/${channel}?sessionId=sess_Yw1rQmX0b6Jt9cKf2sVhLu8ZpNe4dGao`

/** Examples by property name, for schemas without an example. */
const BY_NAME: Readonly<Record<string, unknown>> = {
  accessToken: TOKEN,
  all: false,
  commit: '3f2a9c1',
  counselorId: 'counselor-7',
  desc: '1분 동안 천천히 숨을 쉬어 보세요.',
  details: [{ field: 'email', message: '필수 항목입니다.' }],
  email: 'haneul@example.com',
  feedbackId: 'fb_2mZbT3xQvW1sKc7dRf5hJg',
  id: 'cns_9mZbT3xQvW1sKc7dRf5hJg',
  landmarks: SOCKET('landmarks'),
  message: '요청 형식이 올바르지 않습니다.',
  nextCursor: 'MTc3MjQwOTkwMDAwMA',
  pathname: '/dashboard',
  profileImage: 'https://example.com/haneul.png',
  refreshToken: 'fam_8kQvW1sKc7dRf5hJg2mZbT3x.4.q1Zc0sT9bV',
  reportId: 'rep_9mZbT3xQvW1sKc7dRf5hJg',
  requestId: '0b8f6f0e-6a0e-4f59-9d2a-1f9f3a3f5d11',
  session: SOCKET('session'),
  sessionId: 'sess_Yw1rQmX0b6Jt9cKf2sVhLu8ZpNe4dGao',
  text: '오늘은 기분이 조금 나아졌어요.',
  title: '천천히 호흡하기',
  url: 'https://app.example.com/dashboard',
  userId: 'user-1',
  username: 'haneul',
  version: '1.0.0',
  voice: SOCKET('voice'),
}

const WITH_EXAMPLES = ['application/json', 'multipart/form-data']

/** Adds an example to each request and response body, generated from its schema. */
export function addExamples(document: OpenApi): void {
  for (const operations of Object.values(document.paths ?? {})) {
    for (const { requestBody, responses = {} } of Object.values(operations)) {
      for (const part of [requestBody, ...Object.values(responses)]) {
        for (const mediaType of WITH_EXAMPLES) {
          const content = part?.content?.[mediaType]
          if (content?.schema !== undefined) content.example = createExample(content.schema)
        }
      }
    }
  }
}

/** Returns the example of the schema, or builds one from its parts. */
function createExample(schema: Schema, name = ''): unknown {
  if (schema.examples !== undefined) return schema.examples[0]
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.properties !== undefined)
    return Object.fromEntries(
      Object.entries(schema.properties)
        .map(([key, inner]) => [key, createExample(inner, key)] as const)
        .filter(([, value]) => value !== undefined),
    )
  const [choice] = schema.anyOf ?? []
  if (choice !== undefined) return createExample(choice, name)
  return createLeafExample(schema, name)
}

function createLeafExample(
  { type, items, description, format, minimum = 0, maximum = 3 }: Schema,
  name: string,
): unknown {
  const named = BY_NAME[name]
  if (type === undefined || (named !== undefined && typeof named === type)) return named
  switch (type) {
    case 'array':
      return items === undefined ? [] : [createExample(items, name)]
    case 'object':
      return {}
    case 'boolean':
      return true
    case 'integer':
    case 'number':
      if (description?.startsWith('Milliseconds since') === true) return AT
      return maximum === 1 && type === 'number' ? 0.5 : Math.max(minimum, Math.min(maximum, 3))
    default:
      return format === 'date-time' ? new Date(AT).toISOString() : '…'
  }
}
