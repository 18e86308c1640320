import { Readable } from 'node:stream'
import type { ReportContent } from '../../domain/report.ts'
import type { CsvKind } from '../../protocol/rest/reports.ts'

type Cell = string | number

/** Without it Excel does not read the file as UTF-8. */
const BYTE_ORDER_MARK = '\uFEFF'
const LINES_PER_CHUNK = 256

/**
 * Text that a spreadsheet evaluates as a formula, also after blanks or in full-width characters, which East Asian
 * spreadsheets accept (OWASP, CSV Injection). A reader may drop a leading tab or line break, so these match too.
 */
const FORMULA = /^(?:[\t\r\n]|\s*[=+\-@＝＋－＠])/

/** One cell according to RFC 4180. Numbers are written unchanged; text that could be evaluated gets an apostrophe. */
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
  for (let from = 0; from < all.length; from += LINES_PER_CHUNK)
    yield all
      .slice(from, from + LINES_PER_CHUNK)
      .map(line)
      .join('')
}

/** One line for each analysed window, numbered from 1; times in ms. UTF-8. */
export const csvOf = (content: ReportTimelines, kind: CsvKind): Readable =>
  Readable.from(chunks(content, kind), { objectMode: false })
