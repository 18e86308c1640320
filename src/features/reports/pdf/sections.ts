import { EMOTION_NAMES } from '../../../domain/emotion.ts'
import type { Language } from '../../../domain/language.ts'
import { formatDuration } from '../../../domain/report.ts'
import { formatTime } from '../../../domain/zone.ts'
import type { Labels } from './labels.ts'
import type { PrintedReport } from './printed-report.ts'
import { COLOURS, CONTENT, PAGE, type Sheet } from './sheet.ts'

type Part = (sheet: Sheet, report: PrintedReport, language: Language, labels: Labels) => void

const percent = (ratio: number) => `${(ratio * 100).toFixed(1)}%`

export const title: Part = (sheet, report, _language, labels) => {
  sheet.doc.rect(0, 0, PAGE.width, 6).fill(COLOURS.accent)
  const line = () => ({ x: PAGE.margin, y: sheet.y, width: CONTENT })
  sheet.put(labels.title, line(), { size: 23, font: 'bold' })
  sheet.y += 32
  sheet.put(labels.subtitle, line(), { size: 10.5, colour: COLOURS.muted })
  sheet.y += 22
  if (report.reportId === null) sheet.paragraph(labels.unfinished, { font: 'bold', colour: COLOURS.alarm })
  sheet.rule(PAGE.margin, PAGE.margin + CONTENT, sheet.y, { colour: COLOURS.accent, width: 1 })
  sheet.y += 10
}

/** Two columns of three rows. */
export const facts: Part = (sheet, report, language, labels) => {
  const { metadata, provenance, reportId, generatedAt, timezone } = report
  const { total, gemini, local } = provenance.windows
  const entries = [
    [labels.facts.started, formatTime(timezone, metadata.startedAt, language)],
    [labels.facts.duration, metadata.durationFormatted],
    [
      labels.facts.ended,
      metadata.status === 'ended' ? formatTime(timezone, metadata.endedAt, language) : labels.ongoing,
    ],
    [labels.facts.windows, labels.windowsFact(total, gemini, local)],
    [labels.facts.generated, formatTime(timezone, generatedAt, language)],
    [labels.facts.reportId, reportId ?? labels.none],
  ] as const
  const column = CONTENT / 2
  for (const [i, [name, value]] of entries.entries()) {
    const [x, y] = [PAGE.margin + (i % 2) * column, sheet.y + Math.floor(i / 2) * 17]
    sheet.put(name, { x, y, width: 78 }, { size: 8.5, colour: COLOURS.muted })
    sheet.put(value, { x: x + 78, y, width: column - 84 }, { size: 9 })
  }
  sheet.y += 3 * 17 + 6
}

/** The session in four figures. */
export const tiles: Part = (sheet, { analysis: { emotionSummary } }, language, labels) => {
  if (emotionSummary === null) return
  const { primaryEmotion, positiveRatio, negativeRatio, trend } = emotionSummary
  const figures = [
    [labels.tiles.primary, EMOTION_NAMES[primaryEmotion.emotion][language], percentOf(primaryEmotion)],
    [labels.tiles.positive, percent(positiveRatio), ''],
    [labels.tiles.negative, percent(negativeRatio), ''],
    [
      labels.tiles.course,
      labels.courses[trend.trend],
      [trend.beginning, trend.middle, trend.end].map((seen) => EMOTION_NAMES[seen][language]).join(' – '),
    ],
  ] as const
  const [gap, height] = [8, 54]
  const width = (CONTENT - 3 * gap) / 4
  for (const [i, [name, figure, detail]] of figures.entries()) {
    const x = PAGE.margin + i * (width + gap)
    sheet.doc.roundedRect(x, sheet.y, width, height, 4).fill(COLOURS.soft)
    const line = (offset: number) => ({ x: x + 9, y: sheet.y + offset, width: width - 14 })
    sheet.put(name, line(8), { size: 7.5, colour: COLOURS.muted })
    sheet.put(figure, line(20), { size: 14, font: 'bold' })
    sheet.put(detail, line(40), { size: 7, colour: COLOURS.muted })
  }
  sheet.y += height
}

const percentOf = ({ percentage }: { percentage: number }) => `${percentage.toFixed(1)}%`

/** Only when self-harm language was detected. */
export const safety: Part = (sheet, { analysis, crisisLines }, _language, labels) => {
  const { note } = analysis.overallAssessment.forCounsellor
  if (note === null) return
  const lines = crisisLines.map(({ name, number }) => `${name} ${number}`).join(' · ')
  const bold = { font: 'bold' } as const
  const height = sheet.heightOf(note, CONTENT - 24) + sheet.heightOf(lines, CONTENT - 24, bold) + 37
  sheet.y += 12
  sheet.ensure(height)
  sheet.doc.roundedRect(PAGE.margin, sheet.y, CONTENT, height, 4).fill(COLOURS.alarmSoft)
  sheet.doc.rect(PAGE.margin, sheet.y, 3, height).fill(COLOURS.alarm)
  const style = { size: 10, font: 'bold', colour: COLOURS.alarm } as const
  sheet.put(labels.headings.safety, { x: PAGE.margin + 14, y: sheet.y + 9, width: CONTENT - 24 }, style)
  sheet.y += 25
  sheet.paragraph(note, {}, PAGE.margin + 14, CONTENT - 24)
  sheet.y += 3
  sheet.paragraph(lines, bold, PAGE.margin + 14, CONTENT - 24)
  sheet.y += 9
}

export const observations: Part = (sheet, { analysis }, _language, labels) => {
  sheet.heading(labels.headings.observations)
  for (const text of analysis.overallAssessment.keyObservations) sheet.bullet(text)
}

export const recommendations: Part = (sheet, { analysis }, _language, labels) => {
  if (analysis.recommendations.length === 0) return
  sheet.heading(labels.headings.recommendations)
  for (const { title: name, description } of analysis.recommendations) {
    sheet.ensure(32)
    sheet.paragraph(name, { font: 'bold' })
    sheet.paragraph(description)
    sheet.y += 5
  }
}

/** Mean, minimum and maximum of each quantity. */
export const vadTable: Part = (sheet, { analysis: { vadSummary } }, _language, labels) => {
  if (vadSummary === null) return
  const columns = ['average', 'minimum', 'maximum'] as const
  const width = 74
  sheet.ensure(4 * 16)
  const head = { size: 8, colour: COLOURS.muted, align: 'right' } as const
  const cell = (i: number, y: number) => ({
    x: PAGE.margin + CONTENT - (columns.length - i) * width,
    y,
    width: width - 6,
  })
  for (const [i, column] of columns.entries()) sheet.put(labels.table[column], cell(i, sheet.y), head)
  sheet.y += 14
  for (const axis of ['valence', 'arousal', 'dominance'] as const) {
    sheet.rule(PAGE.margin, PAGE.margin + CONTENT, sheet.y)
    const { name, low, high } = labels.axes[axis]
    const y = sheet.y + 4
    sheet.put(name, { x: PAGE.margin + 4, y, width: 70 }, { size: 8.5, font: 'bold' })
    const range = `-1 ${low} – +1 ${high}`
    sheet.put(range, { x: PAGE.margin + 74, y, width: 180 }, { size: 8, colour: COLOURS.muted })
    for (const [i, column] of columns.entries())
      sheet.put(signed(vadSummary[axis][column]), cell(i, y), { size: 9, align: 'right' })
    sheet.y += 17
  }
}

const signed = (value: number) => `${value > 0 ? '+' : ''}${value.toFixed(2)}`

export const limits: Part = (sheet, { analysis, provenance }, _language, labels) => {
  sheet.heading(labels.headings.limits, 90)
  sheet.paragraph(analysis.overallAssessment.disclaimer, { font: 'bold', size: 9 })
  sheet.y += 5
  for (const text of labels.limits) sheet.bullet(text)
  sheet.y += 4
  const models = provenance.models.join(', ')
  sheet.note(labels.provenance(provenance.analyzerVersion || labels.none, models || labels.none))
}

/** Time since the start of the session, such as `3:20`. */
export const sinceStart = (report: PrintedReport, timestamp: number) =>
  formatDuration(Math.max(0, timestamp - report.metadata.startedAt))
