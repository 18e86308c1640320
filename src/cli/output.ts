import { performance } from 'node:perf_hooks'
import type { Writable } from 'node:stream'
import type { Terminal } from './terminal.ts'

export const writeLines = (stream: Writable, lines: readonly string[]): void => {
  if (lines.length > 0) stream.write(`${lines.join('\n')}\n`)
}

/** Names can contain characters that move the cursor or reorder a line. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const printable = (text: string): string => text.replace(UNPRINTABLE, '�')

/** Hangul, Kana, Han and full-width forms take two columns. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/gu
const widthOf = (text: string): number => Array.from(text).length + (text.match(WIDE)?.length ?? 0)

type Cell = string | number | null

/** Rows in aligned columns, below their heading. */
export function toTable(heading: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const cells = [heading, ...rows].map((row) => row.map((cell) => printable(String(cell ?? '-'))))
  const widths = heading.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ''))))
  return cells.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell))))
      .join('  ')
      .trimEnd(),
  )
}

/** Pairs of a label and a value, one a line. */
export const toFields = (fields: readonly (readonly [label: string, value: Cell])[]): string[] => {
  const width = Math.max(...fields.map(([label]) => widthOf(label)))
  return fields.map(
    ([label, value]) => `${label}${' '.repeat(width - widthOf(label))}  ${printable(String(value ?? '-'))}`,
  )
}

export type Progress = {
  /** Replaces the line that shows the progress. */
  readonly show: (text: string) => void
  readonly clear: () => void
}

const PROGRESS_INTERVAL_MS = 100
const CLEAR_LINE = '\r\u001b[2K'

/** One line on standard error that is overwritten; nothing unless it is a terminal. */
export function createProgress({ stderr }: Pick<Terminal, 'stderr'>): Progress {
  let shownAt = -Infinity
  let isShown = false
  return {
    show(text) {
      if (stderr.isTTY !== true || performance.now() - shownAt < PROGRESS_INTERVAL_MS) return
      shownAt = performance.now()
      isShown = true
      stderr.write(`${CLEAR_LINE}${text}`)
    },
    clear() {
      if (isShown) stderr.write(CLEAR_LINE)
      isShown = false
    },
  }
}
