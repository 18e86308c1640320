import process from 'node:process'
import { analysis } from './analysis.ts'
import { api } from './api.ts'
import { auth } from './auth.ts'
import { backup } from './backup.ts'
import { boot } from './boot.ts'
import { capacity } from './capacity.ts'
import { failover } from './failover.ts'
import { flooding } from './flood.ts'
import { type Bench, passed } from './harness/bench.ts'
import { print, save, say } from './harness/report.ts'
import { openStage, type Stage } from './harness/stage.ts'
import { hostile } from './hostile.ts'
import { idle } from './idle.ts'
import { ingest } from './ingest.ts'
import { latency } from './latency.ts'
import { rolling } from './rolling.ts'
import { takeover } from './takeover.ts'

/**
 * `npm run bench [-- name ...]`: compares this server with references on the same machine, one bench after the other.
 */

const BENCHES: Readonly<Record<string, Bench>> = {
  ingest,
  flood: flooding,
  latency,
  boot,
  idle,
  auth,
  capacity,
  takeover,
  rolling,
  analysis,
  api,
  hostile,
  backup,
  failover,
}
/** It takes about ten minutes and needs programs of Debian. */
const ONLY_BY_NAME = new Set(['failover'])

async function measure(stage: Stage, name: string, bench: Bench): Promise<boolean> {
  say(`\n${name}: ${bench.title}`)
  const report = await bench.run(stage).finally(() => stage.clear())
  print(report)
  await save(name, report)
  return report.checks.every((check) => !check.decides || passed(check))
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !(name in BENCHES))
  if (unknown !== undefined)
    throw new Error(`no bench ${unknown}; there are ${Object.keys(BENCHES).join(', ')}`)
  const stage = await openStage()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stage.close().finally(() => process.exit(130)))
  }
  try {
    say(`node ${process.version}, ${stage.cores.description}`)
    for (const [name, bench] of Object.entries(BENCHES)) {
      if (names.length > 0 ? !names.includes(name) : ONLY_BY_NAME.has(name)) continue
      if (!(await measure(stage, name, bench))) process.exitCode = 1
    }
  } finally {
    await stage.close()
  }
}

await main(process.argv.slice(2))
