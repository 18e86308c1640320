import type { Labels } from './labels.ts'
import type { DrawnSession, DrawnWindow } from './printed-report.ts'
import { COLOURS, CONTENT, PAGE, type Sheet } from './sheet.ts'
import { createTimeAxis, drawTimeAxis, type TimeAxis } from './time-axis.ts'

const PANELS = [
  { axis: 'valence', colour: '#b7791f' },
  { axis: 'arousal', colour: '#b5443a' },
  { axis: 'dominance', colour: '#2f6690' },
] as const

type Point = { readonly ms: number; readonly value: number }

const LABEL_WIDTH = 62
const PANEL = 66
const GAP = 10
/** A longer gap between window numbers breaks the line. */
const MAX_GAP = 2
/** More points cannot be distinguished on the width of a page; neighbours are drawn as their mean. */
const MAX_POINTS = 720
/** A moving average spans one of this many parts of the session. */
const SMOOTHING_PARTS = 40

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Runs of windows without a long gap. */
function runs(windows: readonly DrawnWindow[]): DrawnWindow[][] {
  const found: DrawnWindow[][] = []
  for (const window of windows) {
    const run = found.at(-1)
    const last = run?.at(-1)
    if (run === undefined || last === undefined || window.number - last.number > MAX_GAP) found.push([window])
    else run.push(window)
  }
  return found
}

/** One point per `size` windows, at their middle. */
function points(run: readonly DrawnWindow[], axis: (typeof PANELS)[number]['axis'], size: number): Point[] {
  return Array.from({ length: Math.ceil(run.length / size) }, (_, i) => {
    const part = run.slice(i * size, (i + 1) * size)
    return {
      ms: mean(part.map((window) => (window.from + window.to) / 2)),
      value: mean(part.map((window) => window[axis])),
    }
  })
}

const smoothed = (line: readonly Point[], reach: number): Point[] =>
  line.map(({ ms }, i) => ({
    ms,
    value: mean(line.slice(Math.max(0, i - reach), i + reach + 1).map((point) => point.value)),
  }))

/** Whether there are enough windows for a moving average. */
export const isSmoothed = (windows: readonly DrawnWindow[]) => reachOf(windows) > 0

const sizeOf = (windows: readonly DrawnWindow[]) => Math.ceil(windows.length / MAX_POINTS)
/** Points on either side that a moving average includes. */
const reachOf = (windows: readonly DrawnWindow[]) =>
  Math.floor(windows.length / sizeOf(windows) / SMOOTHING_PARTS / 2)

/** Three panels over one time axis: each quantity from -1 to 1 over the session. */
export function drawVadCharts(sheet: Sheet, { windows, durationMs }: DrawnSession, labels: Labels): void {
  sheet.ensure(PANELS.length * (PANEL + GAP) + 26)
  const axis = createTimeAxis(durationMs, PAGE.margin + LABEL_WIDTH, PAGE.margin + CONTENT)
  const size = sizeOf(windows)
  const reach = reachOf(windows)
  const lines = runs(windows)
  for (const { axis: quantity, colour } of PANELS) {
    drawFrame(sheet, axis, labels.axes[quantity])
    const y = (value: number) => sheet.y + PANEL / 2 - (value * PANEL) / 2
    for (const run of lines) {
      const line = points(run, quantity, size)
      const place = ({ ms, value }: Point) => [axis.at(ms), y(value)] as const
      if (reach > 0) drawLine(sheet, line.map(place), { colour, width: 0.5, opacity: 0.45 })
      drawLine(sheet, smoothed(line, reach).map(place), { colour, width: 1.5, opacity: 1 })
    }
    sheet.y += PANEL + GAP
  }
  drawTimeAxis(sheet, axis, sheet.y - GAP / 2, labels)
  sheet.y += 30
}

function drawFrame(sheet: Sheet, axis: TimeAxis, words: Labels['axes']['valence']): void {
  const { doc, y } = sheet
  const width = axis.right - axis.left
  doc.rect(axis.left, y, width, PANEL).fill(COLOURS.soft)
  for (const ms of axis.ticks) {
    doc.moveTo(axis.at(ms), y).lineTo(axis.at(ms), y + PANEL)
    doc.lineWidth(0.4).strokeColor(COLOURS.line).stroke()
  }
  const middle = y + PANEL / 2
  sheet.rule(axis.left, axis.right, middle, { colour: COLOURS.muted })
  const bold = { size: 8.5, font: 'bold' } as const
  sheet.put(words.name, { x: PAGE.margin, y: middle - 5, width: LABEL_WIDTH - 14 }, bold)
  const small = { size: 7, colour: COLOURS.muted, align: 'right' } as const
  for (const [text, value] of [
    [`${words.high} +1`, 1],
    ['0', 0],
    [`${words.low} -1`, -1],
  ] as const) {
    const at = middle - (value * (PANEL - 8)) / 2 - 4
    sheet.put(text, { x: PAGE.margin, y: at, width: LABEL_WIDTH - 5 }, small)
  }
}

/** A single point is a dot. */
function drawLine(
  { doc }: Sheet,
  places: readonly (readonly [number, number])[],
  { colour, width, opacity }: { readonly colour: string; readonly width: number; readonly opacity: number },
): void {
  const [first, ...rest] = places
  if (first === undefined) return
  if (rest.length === 0) {
    doc.fillOpacity(opacity).circle(first[0], first[1], width).fill(colour).fillOpacity(1)
    return
  }
  doc.moveTo(...first)
  for (const place of rest) doc.lineTo(...place)
  doc.lineWidth(width).lineJoin('round').strokeOpacity(opacity).strokeColor(colour).stroke().strokeOpacity(1)
}
