import type { Stage } from './stage.ts'

/** One line of a bench's table: what was measured, on this server and on its reference. */
export type Figure = {
  readonly name: string
  readonly unit: string
  readonly ours: number
  /** The same of the reference, where there is one. */
  readonly reference?: number
}

/**
 * A bound. `decides: true` is for bounds relative to a reference of the same run: they make the exit code. Absolute
 * bounds depend on the machine and on its other guests, so they are printed and decide nothing.
 */
export type Check = {
  readonly name: string
  readonly measured: number
  readonly bound: number
  readonly passes: 'at most' | 'at least'
  readonly unit: string
  readonly decides: boolean
}

export type Report = {
  readonly figures: readonly Figure[]
  readonly checks: readonly Check[]
  /** What a reader of the figures has to know. */
  readonly notes: readonly string[]
}

export type Bench = {
  /** One sentence. */
  readonly title: string
  run(stage: Stage): Promise<Report>
}

export const passed = ({ measured, bound, passes }: Check): boolean =>
  passes === 'at most' ? measured <= bound : measured >= bound
