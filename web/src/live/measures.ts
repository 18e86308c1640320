import { MEASURES, type Measure, type MeasureName } from '../../../src/domain/face/measure-table.ts'
import { POINTS_IN_USE } from '../../../src/domain/face/points.ts'
import { poseFace } from '../../../src/domain/face/pose.ts'
import type { Face } from './source.ts'

/** The displayed measures, the part of the outline that each highlights, and the sign of its direction. */
export const SHOWN = [
  ['lipCornerPull', 'mouth', -1],
  ['jawDrop', 'mouth', 1],
  ['eyeOpening', 'eyes', 1],
  ['innerBrowRaise', 'brows', 1],
  ['browLower', 'brows', 1],
  ['noseWrinkle', 'nose', -1],
] as const satisfies readonly (readonly [MeasureName, Part, 1 | -1])[]

export type Part = 'mouth' | 'eyes' | 'brows' | 'nose'
export type ShownName = (typeof SHOWN)[number][0]

export type Motion = {
  /** Difference from the face's first seconds, -1 to 1; positive means more of the named movement. */
  readonly values: Readonly<Record<ShownName, number>>
  readonly parts: Readonly<Record<Part, number>>
  readonly isTurned: boolean
}

/** Difference, in eye distances, that is shown as 1. */
const FULL_SCALE = 0.16
/** Number of faces whose median is the reference. */
const REFERENCE_FACES = 15
const SMOOTHING = 0.4
const MAX_TURN_DEGREES = 35

const BY_NAME = new Map<string, Measure>(MEASURES.map((measure) => [measure.name, measure]))

/** Measures faces with the server's formulas, relative to the first faces. */
export function createMeter() {
  const reference = new Map<ShownName, number[]>()
  const shown = new Map<ShownName, number>()

  const computeValue = (name: ShownName, sign: number, value: number): number => {
    const first = reference.get(name) ?? []
    reference.set(name, first)
    if (first.length < REFERENCE_FACES) first.push(value)
    const own = first.toSorted((a, b) => a - b)[Math.floor(first.length / 2)] ?? value
    const target = Math.max(-1, Math.min(1, (sign * (value - own)) / FULL_SCALE))
    const smooth = (shown.get(name) ?? target) * (1 - SMOOTHING) + target * SMOOTHING
    shown.set(name, smooth)
    return smooth
  }

  return {
    /** Undefined without a measurable face. */
    measure({ points, width, height }: Face): Motion | undefined {
      if (points === null) return undefined
      const posed = poseFace(selectPoints(points), width / height)
      if (posed === undefined) return undefined
      const parts = { mouth: 0, eyes: 0, brows: 0, nose: 0 }
      const values = SHOWN.map(([name, part, sign]) => {
        const value = computeValue(name, sign, BY_NAME.get(name)?.compute(posed.face) ?? 0)
        parts[part] = Math.max(parts[part], Math.abs(value))
        return [name, value] as const
      })
      return {
        values: Object.fromEntries(values) as Motion['values'], // one for each displayed measure
        parts,
        isTurned: Math.max(Math.abs(posed.yaw), Math.abs(posed.pitch)) > MAX_TURN_DEGREES,
      }
    },
  }
}

/** Selects the points that the measures use, in their order. */
function selectPoints(points: Float32Array): Float32Array {
  const selected = new Float32Array(POINTS_IN_USE.length * 3)
  for (const [place, index] of POINTS_IN_USE.entries())
    selected.set(points.subarray(index * 3, index * 3 + 3), place * 3)
  return selected
}
