import { join } from 'node:path'
import { median } from '../src/domain/face/statistics.ts'
import type { Bench, Report } from './harness/bench.ts'
import { untilQuiet } from './harness/cores.ts'
import type { Stage } from './harness/stage.ts'

const BOOTS = 7
const FIRST_BOOTS = 3

/** Milliseconds from the start of a process to its first successful response. Ends the process. */
async function readyMs(stage: Stage, start: () => ReturnType<Stage['ours']>): Promise<number> {
  await untilQuiet()
  const { readyMs } = await start()
  await stage.clear()
  return readyMs
}

async function run(stage: Stage): Promise<Report> {
  const database = await stage.database()
  const alone: number[] = []
  const migrated: number[] = []
  // Alternating, so that a disturbance affects both.
  for (let i = 0; i < BOOTS; i++) {
    alone.push(await readyMs(stage, () => stage.reference('fastify-alone', 'any')))
    migrated.push(await readyMs(stage, () => stage.ours({ DATABASE_URL: database.url }, 'any')))
  }
  const first: number[] = []
  for (let i = 0; i < FIRST_BOOTS; i++) {
    const env = { DATA_DIR: join(stage.folder, `first-boot-${i}`), DATABASE_EMBEDDED: 'true' }
    first.push(await readyMs(stage, () => stage.ours(env, 'any')))
  }
  const reference = median(alone)
  return {
    figures: [
      { name: 'to ready on a migrated database', unit: 'ms', ours: median(migrated), reference },
      { name: 'to ready on an embedded database, first boot', unit: 'ms', ours: median(first), reference },
    ],
    checks: [
      {
        name: 'to ready, times Fastify alone',
        measured: median(migrated) / reference,
        bound: 3,
        passes: 'at most',
        unit: 'x',
        decides: true,
      },
      {
        name: 'first boot with its own database, times Fastify alone',
        measured: median(first) / reference,
        bound: 20,
        passes: 'at most',
        unit: 'x',
        decides: true,
      },
      {
        name: 'to ready on a migrated database',
        measured: median(migrated),
        bound: 1500,
        passes: 'at most',
        unit: 'ms',
        decides: false,
      },
      {
        name: 'first boot with its own database',
        measured: median(first),
        bound: 5000,
        passes: 'at most',
        unit: 'ms',
        decides: false,
      },
    ],
    notes: [`medians of ${BOOTS} boots and ${FIRST_BOOTS} first boots, on all cores`],
  }
}

export const boot: Bench = { title: 'from the start of the process to its readiness', run }
