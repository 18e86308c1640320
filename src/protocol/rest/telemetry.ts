import { Type } from 'typebox'

export const VITALS = ['CLS', 'FCP', 'FID', 'LCP', 'TTFB', 'INP'] as const

const Vital = Type.Enum([...VITALS])
const Value = Type.Number({ minimum: 0, description: 'Milliseconds; for CLS a score.', examples: [1234.5] })
const Ignored = Type.Optional(Type.Unknown())

/** The formats of two libraries. Only metric and value are used. */
export const VitalBody = Type.Union([
  Type.Object({
    metric: Vital,
    value: Value,
    pathname: Type.String({ maxLength: 2048 }),
    id: Ignored,
    navigationType: Ignored,
  }),
  Type.Object({ name: Vital, value: Value, rating: Ignored, timestamp: Ignored }),
])

export const AlertBody = Type.Object({
  message: Type.String({ maxLength: 500 }),
  timestamp: Type.String({ format: 'date-time', maxLength: 40 }),
  url: Type.String({ maxLength: 2048 }),
})

export const AcceptedResponse = Type.Object({ success: Type.Literal(true) })
