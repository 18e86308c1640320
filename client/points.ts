/** A point as MediaPipe gives it. */
export type Landmark = { readonly x: number; readonly y: number; readonly z: number }

/** Landmarks as MediaPipe gives them, or their x, y, z one after the other. */
export type Landmarks = readonly Landmark[] | Float32Array

const MESH_POINTS = 468
const REFINED_POINTS = 478
const LARGEST_COORDINATE = 16

/**
 * A copy of the face's points, or undefined unless it is 468 or 478 points with sane coordinates. Never throws: a model
 * that finds no face gives anything.
 */
export function copyPoints(face: unknown): Float32Array | undefined {
  try {
    return copied(face as Landmarks)
  } catch {
    return undefined // no list, or one of something else
  }
}

function copied(face: Landmarks): Float32Array | undefined {
  const count = face instanceof Float32Array ? face.length / 3 : face.length
  if (count !== MESH_POINTS && count !== REFINED_POINTS) return undefined
  const points = new Float32Array(count * 3)
  if (face instanceof Float32Array) points.set(face)
  else {
    // Not by `forEach`, which passes over the holes of a list.
    for (const [i, { x, y, z }] of face.entries()) points.set([x, y, z], i * 3)
  }
  // False for NaN too, since every comparison with NaN is.
  return points.every((value) => Math.abs(value) <= LARGEST_COORDINATE) ? points : undefined
}
