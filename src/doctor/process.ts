import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Check, Result } from './checks.ts'
import type { Report } from './report.ts'

/** The machine and the process; tests replace it. */
export type Machine = {
  readonly nodeVersion: string
  /** The versions of Node that this program supports, such as `>=20.19`. */
  readonly nodeVersions: string
  /** The memory limit of the container, else the memory of the machine, in bytes. */
  readonly memory: number
  /** The limit of the heap, in bytes. */
  readonly heapLimit: number
  /** The space that is free for this account on the disk of a directory, in bytes. */
  readonly findFreeSpace: (directory: string) => Promise<number>
}

const MB = 1024 * 1024
/** The rest is for buffers, code, threads and the embedded database. */
const MAX_HEAP_SHARE = 0.75
/** As recommended for 512 MB in docs/operations.md. */
const HEAP_SHARE = 0.56
const MIN_FREE_MB = 100
const LOW_FREE_MB = 1024

const toMb = (bytes: number) => Math.floor(bytes / MB)

/** Whether a version is at least that of a range `>=20.19`. */
function isSupported(version: string, range: string): boolean {
  const parts = (text: string) => (text.match(/\d+/g) ?? []).map(Number)
  const [found, wanted] = [parts(version), parts(range)]
  for (const [index, number] of wanted.entries()) {
    const difference = (found[index] ?? 0) - number
    if (difference !== 0) return difference > 0
  }
  return true
}

/** The nearest directory that exists. */
async function findExisting(path: string): Promise<string> {
  const directory = resolve(path)
  const exists = await access(directory).then(
    () => true,
    () => false,
  )
  return exists || directory === dirname(directory) ? directory : findExisting(dirname(directory))
}

type Subject = { readonly machine: Machine; readonly config: Config; readonly report: Report }

/** Node, memory and disk. */
export const processChecks = ({ machine, config, report }: Subject): Check[] => [
  {
    name: 'node',
    run: () => {
      const { nodeVersion: version, nodeVersions: wanted } = machine
      return isSupported(version, wanted)
        ? report.ok('node.ok', { version })
        : report.fail('node.old', { version, wanted })
    },
  },
  {
    name: 'memory',
    run: () => {
      const values = { heap: toMb(machine.heapLimit), memory: toMb(machine.memory) }
      if (machine.heapLimit <= machine.memory * MAX_HEAP_SHARE) return report.ok('memory.ok', values)
      return report.warn('memory.heap', { ...values, wanted: Math.floor(values.memory * HEAP_SHARE) })
    },
  },
  { name: 'disk', run: () => checkDisk({ machine, config, report }) },
]

/** The data directory has the embedded database and a generated secret. */
async function checkDisk({ machine, config: { database, accounts }, report }: Subject): Promise<Result> {
  if (database.url !== null && accounts.jwtSecret !== null) return report.ok('disk.unused')
  const directory = await findExisting(database.dataDir)
  const isWritable = await access(directory, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (!isWritable || !(await stat(directory)).isDirectory()) return report.fail('disk.closed', { directory })
  const free = toMb(await machine.findFreeSpace(directory))
  if (free < MIN_FREE_MB) return report.fail('disk.low', { directory, free })
  return free < LOW_FREE_MB
    ? report.warn('disk.low', { directory, free })
    : report.ok('disk.ok', { directory, free })
}
