import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import process from 'node:process'

/** Ends all processes that work in a folder: Patroni of a node, and Postgres, which works in its data directory. */
export const KILL_BY_FOLDER = `
for process in /proc/[0-9]*; do
  case "$(readlink "$process/cwd")/" in "$1"/*) kill -KILL "\${process#/proc/}";; esac
done
`

export function processesIn(folder: string): { pid: number; title: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      if (!`${readlinkSync(`/proc/${name}/cwd`)}/`.startsWith(`${folder}/`)) return []
      const title = readFileSync(`/proc/${name}/cmdline`, 'utf8')
      return [{ pid: Number(name), title: title.replaceAll('\0', ' ') }]
    } catch {
      return [] // it has ended
    }
  })
}

export function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended.
  }
}
