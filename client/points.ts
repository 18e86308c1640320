/** A point as returned by MediaPipe. */
export type Landmark = { readonly x: number; readonly y: number; readonly z: number }

/** Landmarks as returned by MediaPipe, or x, y, z of all points in one array. */
export type Landmarks = readonly Landmark[] | Float32Array

const MESH_POINTS = 468
const REFINED_POINTS = 478
const MAX_COORDINATE = 16

/**
 * Returns a copy of the points, or undefined unless there are 468 or 478 with plausible coordinates. Never throws: a
 * model that finds no face may return any value.
 */
export function copyPoints(face: unknown): Float32Array | undefined {
  try {
    return copyOrThrow(face as Landmarks)
  } catch {
    return undefined
  }
}

function copyOrThrow(face: Landmarks): Float32Array | undefined {
  const count = face instanceof Float32Array ? face.length / 3 : face.length
  if (count !== MESH_POINTS && count !== REFINED_POINTS) return undefined
  const points = new Float32Array(count * 3)
  if (face instanceof Float32Array) points.set(face)
  else {
    // Not `forEach`, which skips holes.
    for (const [i, { x, y, z }] of face.entries()) points.set([x, y, z], i * 3)
  }
  // False for NaN as well.
  return points.every((value) => Math.abs(value) <= MAX_COORDINATE) ? points : undefined
}
