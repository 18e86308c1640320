import type { Stage } from './stage.ts'

/** One line of a bench's table: a measurement of this server and of its reference. */
export type Figure = {
  readonly name: string
  readonly unit: string
  readonly ours: number
  /** The same for the reference, if any. */
  readonly reference?: number
}

/**
 * A bound. `decides: true` is for bounds relative to a reference of the same run; they determine the exit code.
 * Absolute bounds depend on the machine and its other load, so they are only printed.
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
  /** Remarks on the figures. */
  readonly notes: readonly string[]
}

export type Bench = {
  /** One sentence. */
  readonly title: string
  run(stage: Stage): Promise<Report>
}

export const passed = ({ measured, bound, passes }: Check): boolean =>
  passes === 'at most' ? measured <= bound : measured >= bound
