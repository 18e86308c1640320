import { Readable } from 'node:stream'
import type { ReportContent } from '../../domain/report.ts'

export const CSV_KINDS = ['emotion', 'vad'] as const
export type CsvKind = (typeof CSV_KINDS)[number]

type Cell = string | number

/** Spreadsheets of this world take it for the encoding; without it Excel shows Korean as noise. */
const BYTE_ORDER_MARK = '\uFEFF'
const LINES_AT_ONCE = 256

/**
 * What a spreadsheet would run as a formula, also after blanks, and in full width, which East Asian ones read as well
 * (OWASP, CSV Injection). A tab or a line break at the start may be dropped by a reader, so they count too.
 */
const FORMULA = /^(?:[\t\r\n]|\s*[=+\-@＝＋－＠])/

/** One cell after RFC 4180. A number is written as it is; a text that could run gets an apostrophe before it. */
export function csvCell(value: Cell): string {
  if (typeof value === 'number') return String(value)
  const inert = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}

const line = (cells: readonly Cell[]) => `${cells.map(csvCell).join(',')}\r\n`

const TABLES: Readonly<
  Record<CsvKind, { columns: readonly string[]; rows: (content: ReportTimelines) => (readonly Cell[])[] }>
> = {
  emotion: {
    columns: ['index', 'timestamp', 'relativeTime', 'emotion', 'confidence', 'source', 'frameCount'],
    rows: ({ emotionTimeline }) =>
      emotionTimeline.map((window, i) => [
        i + 1,
        window.timestamp,
        window.relativeTime,
        window.emotion,
        window.confidence,
        window.source,
        window.frameCount,
      ]),
  },
  vad: {
    columns: ['index', 'timestamp', 'valence', 'arousal', 'dominance'],
    rows: ({ vadTimeline }) =>
      vadTimeline.map(({ timestamp, valence, arousal, dominance }, i) => [
        i + 1,
        timestamp,
        valence,
        arousal,
        dominance,
      ]),
  },
}

type ReportTimelines = Pick<ReportContent, 'emotionTimeline' | 'vadTimeline'>

function* chunks(content: ReportTimelines, kind: CsvKind): Generator<string> {
  const { columns, rows } = TABLES[kind]
  yield BYTE_ORDER_MARK + line(columns)
  const all = rows(content)
  for (let from = 0; from < all.length; from += LINES_AT_ONCE)
    yield all
      .slice(from, from + LINES_AT_ONCE)
      .map(line)
      .join('')
}

/** One line for each analysed window, numbered from 1; times in ms. UTF-8. */
export const csvOf = (content: ReportTimelines, kind: CsvKind): Readable =>
  Readable.from(chunks(content, kind), { objectMode: false })
