import { type Static, Type } from 'typebox'
import { isFault, type ReplayedWindow } from './replay.ts'

const Answer = Type.Object({ emotion: Type.String(), confidence: Type.Number() })

/** A window as `--json` prints it. */
export const ReplayedView = Type.Object({
  window: Type.Integer(),
  version: Type.String({ description: 'the version of the original analyser' }),
  stored: Answer,
  now: Type.Union([Answer, Type.Null()], { description: 'null: its measures cannot be read' }),
  differing: Type.Array(Type.String(), { description: 'names of the fields that differ' }),
  fault: Type.Boolean({ description: 'it differs although the analyser version is the same' }),
  compared: Type.Union(
    [
      Type.Object({
        model: Type.String(),
        failure: Type.Union([Type.String(), Type.Null()]),
        answer: Type.Union([Answer, Type.Null()]),
        samePrompt: Type.Union([Type.Boolean(), Type.Null()]),
      }),
      Type.Null(),
    ],
    { description: 'the answer of `--model`' },
  ),
})

const toAnswer = ({ emotion, confidence }: Static<typeof Answer>) => ({ emotion, confidence })

export function toReplayedView(replayed: ReplayedWindow): Static<typeof ReplayedView> {
  const { window, version, held, now, differing, compared } = replayed
  const other = compared?.answer
  return {
    window,
    version,
    stored: toAnswer(held),
    now: now === undefined ? null : toAnswer(now),
    differing: [...differing],
    fault: isFault(replayed),
    compared:
      other === undefined
        ? null
        : {
            model: other.model,
            failure: other.outcome === 'failed' ? other.reason : null,
            answer: other.outcome === 'answered' ? toAnswer(other.reading) : null,
            samePrompt: compared?.isSamePrompt ?? null,
          },
  }
}
