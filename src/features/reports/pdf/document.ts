import type { Language } from '../../../domain/language.ts'
import { cbtSection } from './cbt-section.ts'
import { drawDistribution, drawEmotionTimeline } from './emotion-charts.ts'
import { LABELS, type Labels } from './labels.ts'
import { drawnWindows, type PrintedReport } from './printed-report.ts'
import { facts, limits, observations, recommendations, safety, tiles, title, vadTable } from './sections.ts'
import { COLOURS, CONTENT, createSheet, PAGE, type Sheet } from './sheet.ts'
import { drawVadCharts, isSmoothed } from './vad-charts.ts'

/**
 * Writes a report on A4 pages and hands out its bytes in order. Blocks its thread for tens of milliseconds.
 * The same report gives the same bytes.
 */
export function writeDocument(report: PrintedReport, onBytes: (bytes: Uint8Array) => void): Promise<void> {
  const { language } = report.metadata
  const labels = LABELS[language]
  const sheet = createSheet({ title: labels.title, language, madeAt: new Date(report.generatedAt) })
  const { doc } = sheet
  writeParts(sheet, report, language, labels)
  number(sheet, labels)
  doc.end() // whatever can go wrong has gone wrong by now, before the first byte is out
  return new Promise<void>((resolve, reject) => {
    doc.on('data', onBytes).on('end', resolve).on('error', reject)
  })
}

function writeParts(sheet: Sheet, report: PrintedReport, language: Language, labels: Labels): void {
  const windows = drawnWindows(report)
  const { duration } = report.metadata
  title(sheet, report, language, labels)
  facts(sheet, report, language, labels)
  tiles(sheet, report, language, labels)
  safety(sheet, report, language, labels)
  observations(sheet, report, language, labels)
  if (windows.length > 0) {
    sheet.heading(labels.headings.timeline, 180)
    sheet.note(labels.timelineNote)
    drawEmotionTimeline(sheet, windows, duration, language, labels)
    sheet.heading(labels.headings.distribution, 130)
    drawDistribution(sheet, windows, language, labels)
    sheet.heading(labels.headings.vad, 300)
    if (isSmoothed(windows)) sheet.note(labels.vadNote)
    drawVadCharts(sheet, windows, duration, labels)
    vadTable(sheet, report, language, labels)
  }
  recommendations(sheet, report, language, labels)
  cbtSection(sheet, report, language, labels)
  limits(sheet, report, language, labels)
}

/** The foot of each page, once it is known how many there are. */
function number(sheet: Sheet, labels: Labels): void {
  const { start, count } = sheet.doc.bufferedPageRange()
  const y = PAGE.height - 40
  for (let page = 0; page < count; page++) {
    sheet.doc.switchToPage(start + page)
    sheet.rule(PAGE.margin, y - 8, PAGE.margin + CONTENT)
    const style = { size: 7.5, colour: COLOURS.muted } as const
    sheet.put(labels.footer, PAGE.margin, y, CONTENT - 80, style)
    sheet.put(labels.page(page + 1, count), PAGE.margin + CONTENT - 80, y, 80, { ...style, align: 'right' })
  }
}
