import type postgres from 'postgres'
import t from 'tap'
import { auditRepository as repository } from '../../src/features/audit/repository.ts'
import { createTestDatabase } from '../helpers/database.ts'

// The queries of each minute and each night must not read the whole trail.

const CHAINS = 4
const PLACES = 10_000
/** About one attestation per hour in a busy trail. */
const SEALED_EVERY = 1000

const database = await createTestDatabase(t)
const { orm, sql } = database

await sql`
  insert into audit_log (chain, place, at, event, details, previous, hash)
  select 'chain-' || chain, place, now() - interval '1 hour',
    case when place % ${SEALED_EVERY} = 0 then 'audit_sealed' else 'authn_login_success' end, '{}'::jsonb, '', ''
  from generate_series(1, ${CHAINS}::int) as chain, generate_series(1, ${PLACES}::int) as place`
await sql`analyze audit_log`

type Node = {
  readonly 'Relation Name'?: string
  readonly 'Node Type': string
  readonly Plans?: readonly Node[]
}
type Plan = readonly [{ readonly Plan: Node }]

const scansOf = (node: Node): string[] => [
  ...(node['Relation Name'] === 'audit_log' && node['Node Type'] === 'Seq Scan' ? [node['Node Type']] : []),
  ...(node.Plans ?? []).flatMap(scansOf),
]

/** The statements that `work` sends, with their parameters. */
async function statementsOf(work: () => Promise<unknown>) {
  const sent: { readonly text: string; readonly parameters: postgres.ParameterOrJSON<never>[] }[] = []
  const options = sql.options as { debug: unknown } // the driver reads this option at each statement
  options.debug = (_connection: number, text: string, parameters: postgres.ParameterOrJSON<never>[]) =>
    void sent.push({ text, parameters: [...parameters] })
  await work()
  options.debug = false
  return sent
}

const READS = {
  'the heads of chains that have grown': () => repository.listHeads(orm, 86_400_000, 1000),
  'attestations after a place': () =>
    repository.listAttestations(orm, 'audit_sealed', { chain: 'chain-2', place: 5000 }, 100),
  'chains that were truncated': () => repository.listTruncated(orm),
  'the names of the chains': () => repository.listChains(orm),
  'the rows that retention may delete': () => repository.listExpired(orm, 30, 100, 1000),
}

for (const [name, read] of Object.entries(READS))
  t.test(`${name} are read through an index`, async (t) => {
    const statements = await statementsOf(read)
    t.ok(statements.length > 0)
    for (const { text, parameters } of statements) {
      const [row] = await sql.unsafe<{ 'QUERY PLAN': Plan }[]>(`explain (format json) ${text}`, parameters)
      t.same(
        row?.['QUERY PLAN'].flatMap(({ Plan }) => scansOf(Plan)),
        [],
        text,
      )
    }
  })
