import { createChainHash } from './features/audit/chain.ts'
import { auditRepository } from './features/audit/repository.ts'
import { verifyTrail } from './features/audit/verify.ts'
import { complain, DONE, FAILED, FOUND, runTool, say, type Tool, withDatabase } from './tools/run.ts'

const verdictOf = (faults: number, unproven: number): string => {
  const broken = faults === 0 ? 'nothing is missing or altered' : `${faults} faults`
  if (unproven === 0) return broken
  return `${broken}${faults === 0 ? ' in what can be proven' : ''}, ${unproven} chains are unproven`
}

async function verify({ database, secrets }: Tool, allowsUnproven: boolean): Promise<number> {
  const { chains, rows, findings, losses } = await verifyTrail({
    orm: database.orm,
    repository: auditRepository,
    hashes: secrets.map(createChainHash),
  })
  for (const { kind, chain, place, what } of findings) say(`${kind}: chain ${chain}, row ${place}: ${what}`)
  for (const { chain, from, to, isHealed } of losses)
    say(
      `lost: chain ${chain}, rows ${from} to ${to}: by the database, as after a failover; ` +
        (isHealed ? 'they were written again' : 'the trail attests the gap'),
    )
  const isGuarded = await auditRepository.isGuarded(database.orm)
  if (!isGuarded) say('unguarded: the triggers that keep rows from being changed are not there')
  const unproven = findings.filter(({ kind }) => kind === 'unproven').length
  const faults = findings.length - unproven + (isGuarded ? 0 : 1)
  say(`${rows} rows in ${chains} chains: ${verdictOf(faults, unproven)}`)
  return faults > 0 || (unproven > 0 && !allowsUnproven) ? FOUND : DONE
}

// `npm run audit -- --verify` reads the whole audit trail and fails when a row was changed, taken away or moved, and,
// without `--allow-unproven`, when a chain was written under a secret that is not known here.
await runTool(async (config) => {
  if (!process.argv.includes('--verify')) {
    complain('npm run audit -- --verify [--allow-unproven]')
    return FAILED
  }
  const allowsUnproven = process.argv.includes('--allow-unproven')
  return withDatabase(config, { connections: 1 }, (tool) => verify(tool, allowsUnproven))
})
