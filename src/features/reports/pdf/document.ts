import type { Language } from '../../../domain/language.ts'
import { cbtSection } from './cbt-section.ts'
import { drawDistribution, drawEmotionTimeline } from './emotion-charts.ts'
import { LABELS, type Labels } from './labels.ts'
import { drawnWindows, type PrintedReport } from './printed-report.ts'
import { facts, limits, observations, recommendations, safety, tiles, title, vadTable } from './sections.ts'
import { COLOURS, CONTENT, createSheet, PAGE, type Sheet } from './sheet.ts'
import { drawVadCharts, isSmoothed } from './vad-charts.ts'

/**
 * Writes a report on A4 pages and passes its bytes to `onBytes`, in order. Blocks its thread for tens of milliseconds.
 * The same report gives the same bytes.
 */
export function writeDocument(report: PrintedReport, onBytes: (bytes: Uint8Array) => void): Promise<void> {
  const { language } = report.metadata
  const labels = LABELS[language]
  const sheet = createSheet({ title: labels.title, language, madeAt: new Date(report.generatedAt) })
  const { doc } = sheet
  writeParts(sheet, report, language, labels)
  drawFooters(sheet, labels)
  doc.end() // all errors are thrown before this, so before the first byte
  return new Promise<void>((resolve, reject) => {
    doc.on('data', onBytes).on('end', resolve).on('error', reject)
  })
}

function writeParts(sheet: Sheet, report: PrintedReport, language: Language, labels: Labels): void {
  const windows = drawnWindows(report)
  const session = { windows, durationMs: report.metadata.duration }
  title(sheet, report, language, labels)
  facts(sheet, report, language, labels)
  tiles(sheet, report, language, labels)
  safety(sheet, report, language, labels)
  observations(sheet, report, language, labels)
  if (windows.length > 0) {
    sheet.heading(labels.headings.timeline, 180)
    sheet.note(labels.timelineNote)
    drawEmotionTimeline(sheet, session, language, labels)
    sheet.heading(labels.headings.distribution, 130)
    drawDistribution(sheet, windows, language, labels)
    sheet.heading(labels.headings.vad, 300)
    if (isSmoothed(windows)) sheet.note(labels.vadNote)
    drawVadCharts(sheet, session, labels)
    vadTable(sheet, report, language, labels)
  }
  recommendations(sheet, report, language, labels)
  cbtSection(sheet, report, language, labels)
  limits(sheet, report, language, labels)
}

/** The footer of each page. Needs the number of pages. */
function drawFooters(sheet: Sheet, labels: Labels): void {
  const { start, count } = sheet.doc.bufferedPageRange()
  const y = PAGE.height - 40
  const right = PAGE.margin + CONTENT
  for (let page = 0; page < count; page++) {
    sheet.doc.switchToPage(start + page)
    sheet.rule(PAGE.margin, right, y - 8)
    const style = { size: 7.5, colour: COLOURS.muted } as const
    sheet.put(labels.footer, { x: PAGE.margin, y, width: CONTENT - 80 }, style)
    const number = labels.page(page + 1, count)
    sheet.put(number, { x: right - 80, y, width: 80 }, { ...style, align: 'right' })
  }
}
