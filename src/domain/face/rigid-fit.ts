/** Nine numbers, row by row. */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number]

/** Newton's iteration doubles the correct digits each time; well-shaped faces need five or six rounds. */
const ROUNDS = 20
const CONVERGED = 1e-10

/**
 * The orthogonal matrix nearest to `matrix`, or undefined when it is singular. Applied to the covariance of two point
 * sets it is the best rigid fit of one to the other; it contains a reflection when the sets are mirror images.
 * Source: Higham (1986), Computing the Polar Decomposition - with Applications, SIAM J. Sci. Stat. Comput. 7(4).
 */
export function nearestOrthogonal(matrix: Matrix3): Matrix3 | undefined {
  let current = matrix
  for (let round = 0; round < ROUNDS; round++) {
    const inverse = inverseTransposed(current)
    if (inverse === undefined) return undefined
    const scale = Math.sqrt(norm(inverse) / norm(current))
    const next = map(current, (value, i) => (value * scale + (inverse[i] ?? 0) / scale) / 2)
    const change = norm(map(next, (value, i) => value - (current[i] ?? 0)))
    current = next
    if (change < CONVERGED) break
  }
  return current
}

export function determinant([a, b, c, d, e, f, g, h, i]: Matrix3): number {
  return a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g)
}

function inverseTransposed(matrix: Matrix3): Matrix3 | undefined {
  const [a, b, c, d, e, f, g, h, i] = matrix
  const whole = determinant(matrix)
  if (!(Math.abs(whole) > 1e-12 * norm(matrix) ** 3)) return undefined
  const cofactors: Matrix3 = [
    e * i - f * h,
    f * g - d * i,
    d * h - e * g,
    c * h - b * i,
    a * i - c * g,
    b * g - a * h,
    b * f - c * e,
    c * d - a * f,
    a * e - b * d,
  ]
  return map(cofactors, (value) => value / whole)
}

function norm(matrix: Matrix3): number {
  let sum = 0
  for (const value of matrix) sum += value * value
  return Math.sqrt(sum)
}

function map(matrix: Matrix3, of: (value: number, index: number) => number): Matrix3 {
  return matrix.map(of) as unknown as Matrix3 // map keeps the length
}
