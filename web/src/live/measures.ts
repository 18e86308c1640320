import { MEASURES, type Measure, type MeasureName } from '../../../src/domain/face/measure-table.ts'
import { POINTS_IN_USE } from '../../../src/domain/face/points.ts'
import { poseFace } from '../../../src/domain/face/pose.ts'
import type { Face } from './source.ts'

/** The handful that a person can see move, and the part of the outline that each moves. */
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
  /** Difference from the face's first seconds, -1 to 1; towards 1 is more of what the name says. */
  readonly values: Readonly<Record<ShownName, number>>
  readonly parts: Readonly<Record<Part, number>>
  readonly isTurned: boolean
}

/** This much of an eye distance is a full stroke. */
const FULL_STROKE = 0.16
/** Faces that make the person's own rest. */
const REST_FACES = 15
const SMOOTHING = 0.4
const LARGEST_TURN = 35

const BY_NAME = new Map<string, Measure>(MEASURES.map((measure) => [measure.name, measure]))

/** Measures face after face with the formulas of the server, from the person's own face at the beginning. */
export function createMeter() {
  const rest = new Map<ShownName, number[]>()
  const shown = new Map<ShownName, number>()

  const deflection = (name: ShownName, sign: number, value: number): number => {
    const first = rest.get(name) ?? []
    rest.set(name, first)
    if (first.length < REST_FACES) first.push(value)
    const own = first.toSorted((a, b) => a - b)[Math.floor(first.length / 2)] ?? value
    const target = Math.max(-1, Math.min(1, (sign * (value - own)) / FULL_STROKE))
    const smooth = (shown.get(name) ?? target) * (1 - SMOOTHING) + target * SMOOTHING
    shown.set(name, smooth)
    return smooth
  }

  return {
    /** Undefined when there is no face that can be measured. */
    measure({ points, width, height }: Face): Motion | undefined {
      if (points === null) return undefined
      const posed = poseFace(inUse(points), width / height)
      if (posed === undefined) return undefined
      const parts = { mouth: 0, eyes: 0, brows: 0, nose: 0 }
      const values = SHOWN.map(([name, part, sign]) => {
        const value = deflection(name, sign, BY_NAME.get(name)?.of(posed.face) ?? 0)
        parts[part] = Math.max(parts[part], Math.abs(value))
        return [name, value] as const
      })
      return {
        values: Object.fromEntries(values) as Motion['values'], // one for each that is shown
        parts,
        isTurned: Math.max(Math.abs(posed.yaw), Math.abs(posed.pitch)) > LARGEST_TURN,
      }
    },
  }
}

/** The points that the measures know, in their order. */
function inUse(points: Float32Array): Float32Array {
  const kept = new Float32Array(POINTS_IN_USE.length * 3)
  for (const [place, index] of POINTS_IN_USE.entries())
    kept.set(points.subarray(index * 3, index * 3 + 3), place * 3)
  return kept
}
