/** Nine numbers, row by row. */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number]

/** Newton's iteration doubles the correct digits each time; faces need five or six iterations. */
const MAX_ITERATIONS = 20
const TOLERANCE = 1e-10

/**
 * The orthogonal matrix nearest to `matrix`, or undefined when it is singular. Applied to the covariance of two point
 * sets it is the best rigid fit of one to the other; it contains a reflection when the sets are mirror images.
 * Source: Higham (1986), Computing the Polar Decomposition - with Applications, SIAM J. Sci. Stat. Comput. 7(4).
 */
export function nearestOrthogonal(matrix: Matrix3): Matrix3 | undefined {
  let current = matrix
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const next = iterate(current)
    if (next === undefined) return undefined
    const change = squaredDistance(next, current)
    current = next
    if (change < TOLERANCE ** 2) break
  }
  return current
}

export function determinant([a, b, c, d, e, f, g, h, i]: Matrix3): number {
  return a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g)
}

/** The mean of the matrix and its transposed inverse, scaled to equal size. */
function iterate(matrix: Matrix3): Matrix3 | undefined {
  const [a, b, c, d, e, f, g, h, i] = matrix
  const [ca, cb, cc] = [e * i - f * h, f * g - d * i, d * h - e * g]
  const [cd, ce, cf] = [c * h - b * i, a * i - c * g, b * g - a * h]
  const [cg, ch, ci] = [b * f - c * e, c * d - a * f, a * e - b * d]
  const whole = a * ca + b * cb + c * cc
  const size = Math.sqrt(a * a + b * b + c * c + d * d + e * e + f * f + g * g + h * h + i * i)
  if (!(Math.abs(whole) > 1e-12 * size ** 3)) return undefined
  const cofactors = ca * ca + cb * cb + cc * cc + cd * cd + ce * ce + cf * cf + cg * cg + ch * ch + ci * ci
  const scale = Math.sqrt(Math.sqrt(cofactors) / Math.abs(whole) / size)
  const p = scale / 2
  const q = 1 / (2 * scale * whole)
  return [
    a * p + ca * q,
    b * p + cb * q,
    c * p + cc * q,
    d * p + cd * q,
    e * p + ce * q,
    f * p + cf * q,
    g * p + cg * q,
    h * p + ch * q,
    i * p + ci * q,
  ]
}

function squaredDistance(one: Matrix3, other: Matrix3): number {
  let sum = 0
  for (let i = 0; i < one.length; i++) sum += ((one[i] ?? 0) - (other[i] ?? 0)) ** 2
  return sum
}
