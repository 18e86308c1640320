import { type Static, type TSchema, Type } from 'typebox'

/** As the sender of a frame has it: nothing of it is changed on its way. */
export type DeepReadonly<Value> = Value extends object
  ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
  : Value

/** What only clients of the newer protocol are sent. */
export const NEWER_ONLY = { 'x-protocol': 'maeum.v2' }

/** A server's message: its payload in `data`, and an example of it, which the compiler compares with the schema. */
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

export const Sentence = Type.String({ description: 'One sentence for the person, in their language.' })
export const Milliseconds = Type.Integer({ minimum: 0, description: 'Milliseconds.' })
