import fc from 'fast-check'

/** As much of a JSON schema as routes are described with. */
export type Schema = {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly examples?: readonly unknown[]
  readonly example?: unknown
  readonly format?: string
  readonly minLength?: number
  readonly minimum?: number
}

type Parameter = { readonly name: string; readonly in: string; readonly schema?: Schema }
type Operation = {
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }
}
export type OpenApi = { readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>>>> }

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

export type Route = {
  readonly method: Uppercase<(typeof METHODS)[number]>
  /** With its parameters in braces. */
  readonly path: string
  readonly query: readonly Parameter[]
  readonly body: Schema | undefined
}

export type Malformed = {
  readonly method: Route['method']
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** As it goes over the wire. */
  readonly payload: string | undefined
}

/** Every route that the document describes. */
export const routesOf = ({ paths = {} }: OpenApi): Route[] =>
  Object.entries(paths).flatMap(([path, operations]) =>
    METHODS.filter((method) => method in operations).map((method) => {
      const operation = operations[method] as Operation // under a method's name
      return {
        method: method.toUpperCase() as Route['method'],
        path,
        query: (operation.parameters ?? []).filter((parameter) => parameter.in === 'query'),
        body: operation.requestBody?.content?.['application/json']?.schema,
      }
    }),
  )

/** A value that fits, as far as a schema says what fits: its example where it has one. */
export function fitting(schema: Schema): unknown {
  const example = schema.examples?.[0] ?? schema.example ?? schema.const ?? schema.enum?.[0]
  if (example !== undefined) return example
  const [choice] = schema.anyOf ?? []
  if (choice !== undefined) return fitting(choice)
  switch ([schema.type].flat()[0]) {
    case 'object': {
      const wanted = Object.entries(schema.properties ?? {}).filter(([name]) =>
        schema.required?.includes(name),
      )
      return Object.fromEntries(wanted.map(([name, inner]) => [name, fitting(inner)]))
    }
    case 'array':
      return []
    case 'integer':
    case 'number':
      return schema.minimum ?? 1
    case 'boolean':
      return true
    default:
      return schema.format === 'date-time' ? '2026-12-01T10:00:00Z' : 'x'.repeat(schema.minLength ?? 1)
  }
}

const NASTY_TEXTS = [
  '',
  ' ',
  '\0',
  '\ud800',
  "'; drop table users; --",
  '../../etc/passwd',
  '%00',
  '__proto__',
  '9'.repeat(40),
  '-1',
  'NaN',
  '1e999',
  '😀'.repeat(700),
  'x'.repeat(70_000),
  '0000-01-01T00:00:00Z',
  '+275760-09-13T00:00:00.001Z',
]

const nasty = fc.oneof(
  fc.constantFrom<unknown>(null, true, [], {}, [[]], 0, -1, 1.5, 2 ** 53, 1e308, -1e308, ...NASTY_TEXTS),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]))),
)

/** A body with one thing wrong within it: a property changed, left out, or one too many. */
const spoilt = (schema: Schema): fc.Arbitrary<unknown> => {
  const base = fitting(schema)
  const names = Object.keys(schema.properties ?? {})
  if (typeof base !== 'object' || base === null || names.length === 0) return nasty
  return fc.oneof(
    fc.tuple(fc.constantFrom(...names), nasty).map(([name, value]) => ({ ...base, [name]: value })),
    fc
      .constantFrom(...names)
      .map((name) => Object.fromEntries(Object.entries(base).filter(([key]) => key !== name))),
    fc.dictionary(fc.string({ maxLength: 12 }), nasty, { maxKeys: 3 }).map((more) => ({ ...base, ...more })),
  )
}

/** What is wrong whatever was expected. */
export const RAW_BODIES = [
  '',
  '{',
  'null',
  '[]',
  '"text"',
  '{"a":1}{"b":2}',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"a":"\\u0000"}',
  '\ufeff{}',
  `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  `{"preferences":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`,
]

const JSON_TYPE = { 'content-type': 'application/json' }
const OTHER_TYPES = [
  'text/plain',
  'application/xml',
  'multipart/form-data; boundary=x',
  'application/json; charset=latin1',
]

const payloadOf = (schema: Schema | undefined) => {
  const json = (schema === undefined ? nasty : fc.oneof({ weight: 3, arbitrary: spoilt(schema) }, nasty)).map(
    (body) => ({ headers: JSON_TYPE, payload: JSON.stringify(body) }),
  )
  return fc.oneof(
    { weight: 6, arbitrary: json },
    {
      weight: 2,
      arbitrary: fc.constantFrom(...RAW_BODIES).map((payload) => ({ headers: JSON_TYPE, payload })),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(...OTHER_TYPES)
        .map((type) => ({ headers: { 'content-type': type }, payload: '{"rating":5}' })),
    },
  )
}

/** As much of the schema of a message as there is: without `data` it has no fields of its own. */
export type MessageSchema = {
  readonly properties: { readonly type: { readonly const: string }; readonly data?: Schema }
}

/** Texts of a message with one thing wrong: in the whole, in its fields, or in its fields beside `type`. */
export function malformedMessages(schema: MessageSchema): fc.Arbitrary<string> {
  const { type, data } = schema.properties
  const whole = spoilt({ type: 'object', required: ['type', 'data'], ...schema })
  if (data === undefined) return whole.map((message) => JSON.stringify(message))
  const fields = spoilt(data)
  const within = fields.map((wrong) => ({ type: type.const, data: wrong }))
  const beside = fields.map((wrong) => ({ ...(wrong as object), type: type.const })) // null spreads as nothing
  return fc.oneof(whole, within, beside).map((message) => JSON.stringify(message))
}

const toText = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
const encoded = (value: unknown) => {
  const text = toText(value).slice(0, 3000)
  return /\p{Surrogate}/u.test(text) ? '%ed%a0%80' : encodeURIComponent(text) // half a pair, as nobody may encode it
}

/**
 * Requests to one route that are wrong in one or several ways: parameters, query, body, content type. Places of ids
 * are filled with any text and with `ids`, which may well be somebody's.
 */
export function malformedRequests(route: Route, ids: readonly string[]): fc.Arbitrary<Malformed> {
  const id = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...ids) }, nasty).map(encoded)
  const places = (route.path.match(/\{[^}]+\}/g) ?? []).length
  const names = ['cursor', 'limit', ...route.query.map(({ name }) => name)]
  const query = fc
    .array(fc.tuple(fc.constantFrom(...names), nasty), { maxLength: 3 })
    .map((pairs) => pairs.map(([name, value]) => `${name}=${encoded(value)}`).join('&'))
  const nothing = fc.constant({ headers: {}, payload: undefined })
  const content = route.method === 'GET' ? nothing : payloadOf(route.body)
  return fc
    .tuple(fc.array(id, { minLength: places, maxLength: places }), query, content)
    .map(([values, search, { headers, payload }]) => {
      const rest = [...values]
      const path = route.path.replace(/\{[^}]+\}/g, () => rest.shift() ?? '')
      return { method: route.method, url: search === '' ? path : `${path}?${search}`, headers, payload }
    })
}

/** Bodies that differ from a fitting one in a single property of a wrong kind, with that property's name. */
export function mistypedBodies({ body }: Route): { readonly field: string; readonly body: object }[] {
  const base = body === undefined ? undefined : fitting(body)
  if (typeof base !== 'object' || base === null) return []
  return Object.entries(body?.properties ?? {}).flatMap(([field, schema]) => {
    const anything = schema.type === undefined && schema.anyOf === undefined && schema.enum === undefined
    // A list within a list is what no property of any route is.
    return anything ? [] : [{ field, body: { ...base, [field]: [[]] } }]
  })
}
