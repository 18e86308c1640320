import { join } from 'node:path'
import { readConfig } from '../src/config.ts'
import { openDatabase } from '../src/db/client.ts'
import { readSettings } from '../src/environment.ts'
import { createChainHash } from '../src/features/audit/chain.ts'
import { auditRepository } from '../src/features/audit/repository.ts'
import { verifyTrail } from '../src/features/audit/verify.ts'
import { keptSecret } from '../src/lib/kept-secret.ts'

// `npm run audit -- --verify` reads the whole audit trail and fails when a row was changed, taken away or moved, and,
// without `--allow-unproven`, when a chain was written under a secret that is not known here.
if (!process.argv.includes('--verify')) {
  process.stderr.write('npm run audit -- --verify [--allow-unproven]\n')
  process.exit(2)
}
const allowsUnproven = process.argv.includes('--allow-unproven')
const { accounts, database: settings } = readConfig(readSettings(process.env))
const secret = accounts.jwtSecret ?? (await keptSecret(join(settings.dataDir, 'jwt-secret')))
const secrets = [secret, ...(accounts.previousJwtSecret === null ? [] : [accounts.previousJwtSecret])]

const verdictOf = (faults: number, unproven: number): string => {
  const broken = faults === 0 ? 'nothing is missing or altered' : `${faults} faults`
  if (unproven === 0) return broken
  return `${broken}${faults === 0 ? ' in what can be proven' : ''}, ${unproven} chains are unproven`
}

const database = await openDatabase({ ...settings, poolMax: 1 })
try {
  const { chains, rows, findings, losses } = await verifyTrail({
    orm: database.orm,
    repository: auditRepository,
    hashes: secrets.map(createChainHash),
  })
  for (const { kind, chain, place, what } of findings)
    process.stdout.write(`${kind}: chain ${chain}, row ${place}: ${what}\n`)
  for (const { chain, from, to, isHealed } of losses)
    process.stdout.write(
      `lost: chain ${chain}, rows ${from} to ${to}: by the database, as after a failover; ` +
        `${isHealed ? 'they were written again' : 'the trail attests the gap'}\n`,
    )
  const isGuarded = await auditRepository.isGuarded(database.orm)
  if (!isGuarded)
    process.stdout.write('unguarded: the triggers that keep rows from being changed are not there\n')
  const unproven = findings.filter(({ kind }) => kind === 'unproven').length
  const faults = findings.length - unproven + (isGuarded ? 0 : 1)
  process.stdout.write(`${rows} rows in ${chains} chains: ${verdictOf(faults, unproven)}\n`)
  if (faults > 0 || (unproven > 0 && !allowsUnproven)) process.exitCode = 1
} finally {
  await database.close()
}
