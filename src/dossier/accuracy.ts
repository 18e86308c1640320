import { readFileSync } from 'node:fs'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { pathInRoot } from '../lib/root.ts'

/** The result of `npm run accuracy`, which is also in the image. */
export const ACCURACY_FILE = pathInRoot('docs/accuracy.json')

const Figures = Type.Object({
  count: Type.Integer(),
  accuracy: Type.Number(),
  standardError: Type.Number(),
  macroF1: Type.Number(),
  ece: Type.Number(),
  recall: Type.Record(Type.String(), Type.Number()),
})

const Sized = Type.Object({ sizeKnown: Figures })

const AccuracySchema = Type.Object({
  analyser: Type.String(),
  fitted: Type.String(),
  pictures: Type.Record(Type.String(), Sized),
  synthetic: Type.Object({ withBaseline: Sized, cold: Sized }),
  real: Type.Object({ withBaseline: Type.Object({ segments: Sized }) }),
})

/** The measured accuracy of the local analyser. */
export type Accuracy = Static<typeof AccuracySchema>
export type Figures = Static<typeof Figures>

/** @throws Error if the file is missing or not as `npm run accuracy` writes it. */
export function readAccuracy(path = ACCURACY_FILE): Accuracy {
  const found: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (!Value.Check(AccuracySchema, found)) throw new Error('docs/accuracy.json is not readable')
  return found
}
