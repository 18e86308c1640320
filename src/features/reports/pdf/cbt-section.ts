import type { DistortionType, Intervention } from '../../../domain/cbt/distortion.ts'
import type { Language } from '../../../domain/language.ts'
import type { Labels } from './labels.ts'
import type { PrintedReport } from './printed-report.ts'
import { sinceStart } from './sections.ts'
import { COLOURS, CONTENT, PAGE, type Sheet } from './sheet.ts'

const MAX_ROWS = 16
const MAX_EXERCISES = 3
const ROW = 17

/** The detections with their times, and the last exercise offered for each type; the words themselves are left out. */
export function cbtSection(sheet: Sheet, report: PrintedReport, language: Language, labels: Labels): void {
  const rows = report.cbtFindings.flatMap(({ timestamp, detections }) =>
    detections.map((detection) => ({ ...detection, time: sinceStart(report, timestamp) })),
  )
  const offered = new Map<DistortionType, Intervention>()
  for (const { intervention } of report.cbtFindings)
    if (intervention !== undefined) offered.set(intervention.distortionType, intervention)
  if (rows.length === 0 && offered.size === 0) return

  sheet.heading(labels.headings.cbt, 80)
  sheet.note(labels.cbtNote)
  const columns = [
    { x: PAGE.margin + 4, width: 70, align: 'left' },
    { x: PAGE.margin + 78, width: 240, align: 'left' },
    { x: PAGE.margin + CONTENT - 168, width: 80, align: 'right' },
    { x: PAGE.margin + CONTENT - 84, width: 80, align: 'right' },
  ] as const
  const line = (cells: readonly string[], style: { size: number; colour?: string }) => {
    for (const [i, { x, width, align }] of columns.entries())
      sheet.put(cells[i] ?? '', { x, y: sheet.y + 4, width }, { ...style, align })
    sheet.y += ROW
  }
  const { time, pattern, severity, confidence } = labels.cbtColumns
  line([time, pattern, severity, confidence], { size: 8, colour: COLOURS.muted })
  for (const row of rows.slice(0, MAX_ROWS)) {
    sheet.ensure(ROW)
    sheet.rule(PAGE.margin, PAGE.margin + CONTENT, sheet.y)
    const name = language === 'ko' ? row.name_ko : (row.name_en ?? row.name_ko)
    line([row.time, name, labels.severities[row.severity], `${Math.round(row.confidence * 100)}%`], {
      size: 9,
    })
  }
  if (rows.length > MAX_ROWS) sheet.note(labels.more(rows.length - MAX_ROWS))
  if (report.statistics.crisisFindings > 0) return // after self-harm language no exercise is offered
  for (const intervention of [...offered.values()].slice(-MAX_EXERCISES))
    exercise(sheet, intervention, labels)
}

function exercise(sheet: Sheet, { distortionName, questions, tasks }: Intervention, labels: Labels): void {
  sheet.y += 8
  sheet.ensure(60)
  sheet.paragraph(distortionName, { font: 'bold', size: 10 })
  sheet.y += 2
  if (questions.length > 0) sheet.note(labels.questions)
  for (const question of questions) sheet.bullet(question)
  if (tasks.length > 0) sheet.note(labels.tasks)
  for (const { title, description, duration } of tasks) sheet.bullet(`${title} (${duration}): ${description}`)
}
