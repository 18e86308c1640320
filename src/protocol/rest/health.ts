import { type Static, Type } from 'typebox'

const Part = Type.Object({ ok: Type.Boolean(), details: Type.Array(Type.String()) })

export const FINDING_STATUSES = ['ok', 'warn', 'fail', 'skipped'] as const

/** One result of a check, as `maeum doctor` and the detailed readiness report it. */
export const FindingSchema = Type.Object({
  name: Type.String({ description: 'the check', examples: ['database.schema'] }),
  status: Type.Enum([...FINDING_STATUSES], {
    description: 'skipped: a check that it depends on has failed, or it does not apply',
  }),
  cause: Type.String({ description: 'what was found' }),
  mend: Type.Union([Type.String(), Type.Null()], { description: 'what to do; null: nothing' }),
})

export type Finding = Static<typeof FindingSchema>

export const MAX_FINDINGS = 500

export const ReadinessQuery = Type.Object({
  verbose: Type.Optional(
    // A probe is never refused because of its query.
    Type.Unknown({
      description: 'Adds `findings`, with any value, if the bearer is `METRICS_TOKEN`.',
    }),
  ),
})

export const ReadinessResponse = Type.Object({
  status: Type.Enum(['ready', 'not_ready']),
  checks: Type.Object({ process: Part, database: Part, schema: Part, model: Part }),
  findings: Type.Optional(
    Type.Array(FindingSchema, {
      maxItems: MAX_FINDINGS,
      description:
        'Only with `verbose` and the metrics token: the same, with what to do. No model is called.',
    }),
  ),
})
