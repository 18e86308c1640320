import { Type } from 'typebox'
import { createChainHash } from '../features/audit/chain.ts'
import { auditRepository } from '../features/audit/repository.ts'
import { verifyTrail } from '../features/audit/verify.ts'
import { defineCommand, EXIT, hasFlag } from './command.ts'
import { withDatabase } from './database.ts'
import type { TextKey } from './texts.ts'

const KINDS = {
  altered: 'audit.altered',
  missing: 'audit.missing',
  unproven: 'audit.unprovable',
} as const satisfies Record<string, TextKey>

/** Reads the whole audit trail, and finds rows that were changed, removed or moved. */
export const auditVerify = defineCommand({
  name: 'audit verify',
  text: 'audit.verify',
  options: [{ flags: '--allow-unproven', text: 'audit.allowUnproven' }],
  examples: ['audit verify', 'audit verify --allow-unproven', 'audit verify --json'],
  finding: 'audit.finding',
  result: Type.Object({
    rows: Type.Integer(),
    chains: Type.Integer(),
    faults: Type.Integer({ description: 'altered and missing rows, and 1 if the triggers are missing' }),
    unproven: Type.Integer({ description: 'chains that were hashed with an unknown secret' }),
    guarded: Type.Boolean({ description: 'the triggers that make the trail append-only exist' }),
    findings: Type.Array(
      Type.Object({
        kind: Type.Enum(['altered', 'missing', 'unproven']),
        chain: Type.String(),
        row: Type.Integer(),
        what: Type.String(),
      }),
    ),
    losses: Type.Array(
      Type.Object({
        chain: Type.String(),
        from: Type.Integer(),
        to: Type.Integer(),
        rewritten: Type.Boolean({ description: 'the rows were written again; otherwise a gap is attested' }),
      }),
      { description: 'rows that the database lost, as in a failover; not faults' },
    ),
  }),
  run: (context, input) =>
    withDatabase(context, { connections: 1 }, async ({ database, secrets }) => {
      const { chains, rows, findings, losses } = await verifyTrail({
        orm: database.orm,
        repository: auditRepository,
        hashes: secrets.map(createChainHash),
        onProgress: (count) => context.progress.show(context.texts('audit.progress', { count })),
      })
      const guarded = await auditRepository.isGuarded(database.orm)
      const unproven = findings.filter(({ kind }) => kind === 'unproven').length
      const faults = findings.length - unproven + (guarded ? 0 : 1)
      const isFound = faults > 0 || (unproven > 0 && !hasFlag(input, 'allowUnproven'))
      return {
        result: {
          ...{ rows, chains, faults, unproven, guarded },
          findings: findings.map(({ place, ...finding }) => ({ ...finding, row: place })),
          losses: losses.map(({ isHealed, ...loss }) => ({ ...loss, rewritten: isHealed })),
        },
        exit: isFound ? EXIT.found : EXIT.done,
      }
    }),
  print: ({ rows, chains, faults, unproven, guarded, findings, losses }, texts) => {
    const broken = faults === 0 ? texts('audit.intact') : texts('audit.faults', { count: faults })
    const proven = faults === 0 ? texts('audit.intactProven') : broken
    const verdict = unproven === 0 ? broken : `${proven}, ${texts('audit.unproven', { count: unproven })}`
    return [
      ...findings.map((finding) => texts('audit.row', { ...finding, kind: texts(KINDS[finding.kind]) })),
      ...losses.map(({ rewritten, ...loss }) => texts(rewritten ? 'audit.rewritten' : 'audit.gap', loss)),
      ...(guarded ? [] : [texts('audit.unguarded')]),
      texts('audit.verdict', { rows, chains, verdict }),
    ]
  },
})
