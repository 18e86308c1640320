import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, totalmem } from 'node:os'
import process from 'node:process'
import { type Check, type Figure, passed, type Report } from './bench.ts'

const RESULTS = new URL('../results/', import.meta.url)

export const say = (text = '') => process.stdout.write(`${text}\n`)

const number = (value: number): string => {
  if (!Number.isFinite(value)) return '-'
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toFixed(digits)
}

/** A table with aligned columns; all but the first are right-aligned. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('   ')
  return rows.map((row) => `  ${line(row)}`).join('\n')
}

const figureRow = ({ name, unit, ours, reference }: Figure) => [
  name,
  number(ours),
  reference === undefined ? '' : number(reference),
  unit,
  reference === undefined ? '' : `x ${(ours / reference).toFixed(2)}`,
]

function checkLine(check: Check): string {
  const verdict = passed(check) ? 'PASS' : 'FAIL'
  const weight = check.decides ? '' : ' (absolute: does not decide)'
  const { name, measured, passes, bound, unit } = check
  return `  ${verdict}  ${name}: ${number(measured)}, ${passes} ${number(bound)} ${unit}${weight}`
}

export function print({ figures, checks, notes }: Report): void {
  say(table([['', 'ours', 'reference', '', 'ratio'], ...figures.map(figureRow)]))
  for (const note of notes) say(`  note: ${note}`)
  for (const check of checks) say(checkLine(check))
}

/** Writes `bench/results/<name>.json`. */
export async function save(name: string, report: Report): Promise<void> {
  const [cpu] = cpus()
  const machine = { cores: cpus().length, cpu: cpu?.model ?? 'unknown', memoryBytes: totalmem() }
  const about = { name, at: new Date().toISOString(), node: process.version, machine, loadAverage: loadavg() }
  const checks = report.checks.map((check) => ({ ...check, passed: passed(check) }))
  await mkdir(RESULTS, { recursive: true })
  await writeFile(
    new URL(`${name}.json`, RESULTS),
    `${JSON.stringify({ ...about, ...report, checks }, null, 2)}\n`,
  )
}
