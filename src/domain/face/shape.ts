import type { Face } from './measure-table.ts'
import type { FaceModel } from './model.ts'
import { SHAPE_MIDLINE, SHAPE_PAIRS, slot } from './points.ts'
import { createScratch } from './scratch.ts'
import { selectMedian } from './statistics.ts'

/** Length of a shape: x, y, z of half a face, and y, z of its midline. */
export const SHAPE_LENGTH = SHAPE_PAIRS.length * 3 + SHAPE_MIDLINE.length * 2

/** Index of x in `Face.points` for each pair and midline point. */
const PAIRS = Int32Array.from(SHAPE_PAIRS.flat(), (index) => slot(index) * 3)
const MIDLINE = Int32Array.from(SHAPE_MIDLINE, (index) => slot(index) * 3)

/**
 * The median of the symmetrised faces: half the distance of each pair, its mean height and depth, then height and depth of
 * the midline. In eye distances; equal for a mirrored image. It is not stored: only the axes of `computeShapeAxes` are, from
 * which a face cannot be reconstructed.
 */
export function computeMedianShape(faces: readonly Face[]): Float64Array {
  const count = faces.length
  return withSeries(SHAPE_LENGTH * count, (series) => {
    for (const [i, { points }] of faces.entries()) writeSymmetric(points, series, i, count)
    const shape = new Float64Array(SHAPE_LENGTH)
    for (let k = 0; k < SHAPE_LENGTH; k++) shape[k] = selectMedian(series, k * count, (k + 1) * count)
    return shape
  })
}

const withSeries = createScratch()

/** Projects the shape onto the axes of the model, one for each label of `FaceModel.labels`, in logits. */
export function computeShapeAxes(shape: Float64Array, { shape: model }: FaceModel): number[] {
  const axes = new Array<number>(model.axes.length)
  for (const [a, weights] of model.axes.entries()) {
    let sum = 0
    for (let k = 0; k < SHAPE_LENGTH; k++) sum += ((shape[k] ?? 0) - (model.mean[k] ?? 0)) * (weights[k] ?? 0)
    axes[a] = sum
  }
  return axes
}

/** Writes number k of face i at index k * count + i, so that the series of each number is contiguous. */
function writeSymmetric(points: Float64Array, series: Float64Array, i: number, count: number): void {
  let to = i
  for (let p = 0; p < PAIRS.length; p += 2) {
    const right = PAIRS[p] ?? 0
    const left = PAIRS[p + 1] ?? 0
    series[to] = ((points[left] ?? 0) - (points[right] ?? 0)) / 2
    series[to + count] = ((points[left + 1] ?? 0) + (points[right + 1] ?? 0)) / 2
    series[to + 2 * count] = ((points[left + 2] ?? 0) + (points[right + 2] ?? 0)) / 2
    to += 3 * count
  }
  for (const at of MIDLINE) {
    series[to] = points[at + 1] ?? 0
    series[to + count] = points[at + 2] ?? 0
    to += 2 * count
  }
}
