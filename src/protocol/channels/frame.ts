import { type Static, type TSchema, Type } from 'typebox'
import { SUBPROTOCOL_V2 } from './transport.ts'

/** Deeply read-only view of a frame. */
export type DeepReadonly<Value> = Value extends object
  ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
  : Value

/** Marks messages of `maeum.v2`. */
export const V2_ONLY = { 'x-protocol': SUBPROTOCOL_V2 }

/**
 * A message: its payload in `data`, and an example that is type-checked against the schema. In messages of clients the
 * fields of the payload are also accepted at the top level.
 */
export const frame = <Name extends string, Data extends TSchema>(
  type: Name,
  description: string,
  data: Data,
  example: NoInfer<DeepReadonly<Static<Data>>>,
  options: object = {},
) =>
  Type.Object(
    { type: Type.Literal(type), data },
    { description, examples: [{ type, data: example }], ...options },
  )

export const Sentence = Type.String({ description: 'One sentence in the language of the user.' })
export const Milliseconds = Type.Integer({ minimum: 0, description: 'Milliseconds.' })
