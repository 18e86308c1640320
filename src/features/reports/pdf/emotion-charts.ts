import { EMOTION_NAMES, EMOTIONS, type Emotion } from '../../../domain/emotion.ts'
import type { Language } from '../../../domain/language.ts'
import type { Labels } from './labels.ts'
import type { DrawnSession, DrawnWindow } from './printed-report.ts'
import { COLOURS, CONTENT, PAGE, type Sheet } from './sheet.ts'
import { createTimeAxis, drawTimeAxis } from './time-axis.ts'

/** Rows and names also identify the emotions, so colour is never the only distinction. */
const EMOTION_COLOURS: Readonly<Record<Emotion, string>> = {
  happy: '#d99a1c',
  sad: '#4573b0',
  angry: '#bf4a38',
  anxious: '#8560a8',
  neutral: '#8d99a6',
  surprised: '#d9783a',
  disgusted: '#5f9150',
  fearful: '#4a5588',
}

const LABEL_WIDTH = 62
const ROW = 15
const UNCERTAIN_OPACITY = 0.35

/** Merges adjacent windows that look the same. */
function mergeWindows(windows: readonly DrawnWindow[]): DrawnWindow[] {
  const merged: DrawnWindow[] = []
  for (const window of windows) {
    const last = merged.at(-1)
    const same =
      last !== undefined &&
      last.number + 1 === window.number &&
      last.emotion === window.emotion &&
      last.uncertain === window.uncertain
    if (same) merged[merged.length - 1] = { ...last, to: window.to, number: window.number }
    else merged.push(window)
  }
  return merged
}

/** One row per emotion, one box per run of windows. */
export function drawEmotionTimeline(
  sheet: Sheet,
  { windows, durationMs }: DrawnSession,
  language: Language,
  labels: Labels,
): void {
  const { doc } = sheet
  const height = EMOTIONS.length * ROW
  sheet.ensure(height + 34)
  const top = sheet.y
  const left = PAGE.margin + LABEL_WIDTH
  const axis = createTimeAxis(durationMs, left, PAGE.margin + CONTENT)
  for (const [row, emotion] of EMOTIONS.entries()) {
    const y = top + row * ROW
    if (row % 2 === 0) doc.rect(left, y, axis.right - left, ROW).fill(COLOURS.soft)
    const style = { size: 8.5, align: 'right' } as const
    sheet.put(EMOTION_NAMES[emotion][language], { x: PAGE.margin, y: y + 3, width: LABEL_WIDTH - 8 }, style)
  }
  for (const ms of axis.ticks) {
    doc.moveTo(axis.at(ms), top).lineTo(axis.at(ms), top + height)
    doc.lineWidth(0.4).strokeColor(COLOURS.line).stroke()
  }
  for (const { from, to, emotion, uncertain } of mergeWindows(windows)) {
    const [x, y] = [axis.at(from), top + EMOTIONS.indexOf(emotion) * ROW + 2.5]
    doc.fillOpacity(uncertain ? UNCERTAIN_OPACITY : 1)
    doc.rect(x, y, Math.max(0.6, axis.at(to) - x), ROW - 5).fill(EMOTION_COLOURS[emotion])
  }
  doc.fillOpacity(1)
  drawTimeAxis(sheet, axis, top + height, labels)
  sheet.y = top + height + 30
}

/** One bar per emotion that occurred, the most frequent first. */
export function drawDistribution(
  sheet: Sheet,
  windows: readonly DrawnWindow[],
  language: Language,
  labels: Labels,
): void {
  const counted = EMOTIONS.map((emotion) => ({
    emotion,
    count: windows.filter((window) => window.emotion === emotion).length,
  }))
  const seen = counted.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count)
  const most = seen[0]?.count ?? 1
  const left = PAGE.margin + LABEL_WIDTH
  const barWidth = CONTENT - LABEL_WIDTH - 110
  sheet.ensure(seen.length * (ROW + 1))
  for (const { emotion, count } of seen) {
    const { y } = sheet
    const name = EMOTION_NAMES[emotion][language]
    sheet.put(name, { x: PAGE.margin, y: y + 3, width: LABEL_WIDTH - 8 }, { size: 8.5, align: 'right' })
    sheet.doc.rect(left, y + 2.5, barWidth, ROW - 5).fill(COLOURS.soft)
    sheet.doc.rect(left, y + 2.5, (count / most) * barWidth, ROW - 5).fill(EMOTION_COLOURS[emotion])
    const share = `${((count / windows.length) * 100).toFixed(1)}%`
    const right = left + barWidth
    sheet.put(share, { x: right, y: y + 3, width: 48 }, { size: 8.5, font: 'bold', align: 'right' })
    const style = { size: 8.5, colour: COLOURS.muted, align: 'right' } as const
    sheet.put(labels.windowCount(count), { x: right + 48, y: y + 3, width: 62 }, style)
    sheet.y += ROW + 1
  }
}
