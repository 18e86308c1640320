import { createChainHash } from './features/audit/chain.ts'
import { auditRepository } from './features/audit/repository.ts'
import { verifyTrail } from './features/audit/verify.ts'
import { DONE, FAILED, FOUND, print, printError, runTool, type Tool, withDatabase } from './tools/run.ts'

const describeVerdict = (faults: number, unproven: number): string => {
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
  for (const { kind, chain, place, what } of findings) print(`${kind}: chain ${chain}, row ${place}: ${what}`)
  for (const { chain, from, to, isHealed } of losses)
    print(
      `lost: chain ${chain}, rows ${from} to ${to}: by the database, as after a failover; ` +
        (isHealed ? 'they were written again' : 'the trail attests the gap'),
    )
  const isGuarded = await auditRepository.isGuarded(database.orm)
  if (!isGuarded) print('unguarded: the triggers that prevent changes of rows are missing')
  const unproven = findings.filter(({ kind }) => kind === 'unproven').length
  const faults = findings.length - unproven + (isGuarded ? 0 : 1)
  print(`${rows} rows in ${chains} chains: ${describeVerdict(faults, unproven)}`)
  return faults > 0 || (unproven > 0 && !allowsUnproven) ? FOUND : DONE
}

// `npm run audit -- --verify` reads the whole audit trail and fails when a row was changed, removed or moved, and,
// without `--allow-unproven`, when a chain was written with an unknown secret.
await runTool(async (config) => {
  if (!process.argv.includes('--verify')) {
    printError('npm run audit -- --verify [--allow-unproven]')
    return FAILED
  }
  const allowsUnproven = process.argv.includes('--allow-unproven')
  return withDatabase(config, { connections: 1 }, (tool) => verify(tool, allowsUnproven))
})
