import type { Labels } from './labels.ts'
import { COLOURS, type Sheet } from './sheet.ts'

const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400]
const MAX_TICKS = 8

export type TimeAxis = {
  readonly at: (ms: number) => number
  readonly left: number
  readonly right: number
  readonly ticks: readonly number[]
  readonly stepS: number
}

/** Maps [0, durationMs] to [left, right], with at most eight ticks at round times. */
export function createTimeAxis(durationMs: number, left: number, right: number): TimeAxis {
  const span = Math.max(1, durationMs)
  const seconds = span / 1000
  const stepS = STEPS_S.find((step) => seconds / step <= MAX_TICKS) ?? Math.ceil(seconds / MAX_TICKS)
  const ticks = Array.from({ length: Math.floor(seconds / stepS) + 1 }, (_, i) => i * stepS * 1000)
  const at = (ms: number) => left + (Math.min(Math.max(ms, 0), span) / span) * (right - left)
  return { at, left, right, ticks, stepS }
}

/** The line, ticks and times below `y`; 26 points high. */
export function drawTimeAxis(sheet: Sheet, axis: TimeAxis, y: number, labels: Labels): void {
  sheet.rule(axis.left, axis.right, y, { colour: COLOURS.muted, width: 0.7 })
  for (const ms of axis.ticks) {
    const x = axis.at(ms)
    sheet.doc
      .moveTo(x, y)
      .lineTo(x, y + 3)
      .lineWidth(0.7)
      .strokeColor(COLOURS.muted)
      .stroke()
    const text = axis.stepS < 60 ? labels.seconds(ms / 1000) : labels.minutes(ms / 60_000)
    const centred = { size: 7.5, colour: COLOURS.muted, align: 'center' } as const
    sheet.put(text, { x: x - 20, y: y + 5, width: 40 }, centred)
  }
  const style = { size: 7.5, colour: COLOURS.muted, align: 'right' } as const
  sheet.put(labels.elapsed, { x: axis.left, y: y + 15, width: axis.right - axis.left }, style)
}
