import { Type } from 'typebox'
import { retentionRepository } from '../features/privacy/retention/repository.ts'
import { createRetention } from '../features/privacy/retention/service.ts'
import { CommandError, defineCommand, EXIT } from './command.ts'
import { reasonsOf } from './reasons.ts'
import { withServerParts } from './server-parts.ts'

const Count = Type.Optional(Type.Integer())
const KINDS = ['conversations', 'feedback', 'counselings', 'sessions', 'audit'] as const

/** Deletes data older than RETENTION_DAYS, as the servers do every night. */
export const retentionRun = defineCommand({
  name: 'retention run',
  text: 'retention.run',
  examples: ['retention run', 'retention run --json'],
  finding: 'retention.finding',
  result: Type.Object({
    erased: Type.Object(
      { conversations: Count, feedback: Count, counselings: Count, sessions: Count, audit: Count },
      { description: 'the number of rows by kind; only kinds with a retention period' },
    ),
    failed: Type.Array(Type.Object({ kind: Type.String(), reason: Type.String() })),
  }),
  run: (context) => {
    const days = context.readConfig().privacy.retentionDays
    if (Object.keys(days).length === 0) throw new CommandError(context.texts('retention.unset'))
    return withServerParts(context, async ({ app }) => {
      const failed: { kind: string; reason: string }[] = []
      const retention = createRetention({
        orm: app.database.patient.orm,
        repository: retentionRepository,
        days,
        retainAudit: app.audit.retain,
        onFailed: (kind, error) =>
          void failed.push({ kind, reason: reasonsOf(error, context.language).join(' ') }),
      })
      const erased = await retention.run(new AbortController().signal)
      return { result: { erased, failed }, exit: failed.length > 0 ? EXIT.found : EXIT.done }
    })
  },
  print: ({ erased, failed }, texts) => [
    texts('retention.erased', {
      what: KINDS.flatMap((kind) => {
        const count = erased[kind]
        return count === undefined ? [] : [texts(`retention.${kind}`, { count })]
      }).join(', '),
    }),
    ...failed.map((one) => texts('retention.failed', one)),
  ],
})
