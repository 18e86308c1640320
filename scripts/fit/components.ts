/** The directions in which the vectors vary most, each with the standard deviation along it. */
export type Components = {
  readonly mean: Float64Array
  readonly directions: readonly Float64Array[]
  readonly deviations: readonly number[]
}

const SWEEPS = 12

/**
 * The first `count` principal components of `vectors`, by the cyclic Jacobi method on their covariance
 * (Golub & Van Loan, Matrix Computations, 8.5).
 */
export function principalComponents(vectors: readonly Float64Array[], count: number): Components {
  const size = vectors[0]?.length ?? 0
  const mean = new Float64Array(size)
  for (const vector of vectors)
    for (let i = 0; i < size; i++) mean[i] = (mean[i] ?? 0) + (vector[i] ?? 0) / vectors.length
  const matrix = covariance(vectors, mean)
  const turned = jacobi(matrix, size)
  const order = Array.from({ length: size }, (_, i) => i).sort(
    (a, b) => (matrix[b * size + b] ?? 0) - (matrix[a * size + a] ?? 0),
  )
  const first = order.slice(0, count)
  return {
    mean,
    directions: first.map((i) => turned.slice(i * size, (i + 1) * size)),
    deviations: first.map((i) => Math.sqrt(Math.max(matrix[i * size + i] ?? 0, 1e-12))),
  }
}

function covariance(vectors: readonly Float64Array[], mean: Float64Array): Float64Array {
  const size = mean.length
  const matrix = new Float64Array(size * size)
  const offset = new Float64Array(size)
  for (const vector of vectors) {
    for (let i = 0; i < size; i++) offset[i] = (vector[i] ?? 0) - (mean[i] ?? 0)
    for (let i = 0; i < size; i++) {
      const value = (offset[i] ?? 0) / vectors.length
      for (let j = i; j < size; j++)
        matrix[i * size + j] = (matrix[i * size + j] ?? 0) + value * (offset[j] ?? 0)
    }
  }
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) matrix[i * size + j] = matrix[j * size + i] ?? 0
  return matrix
}

/** Diagonalises the symmetric `matrix` in place; returns the eigenvectors, one per row. */
function jacobi(matrix: Float64Array, size: number): Float64Array {
  const vectors = new Float64Array(size * size)
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1
  let trace = 0
  for (let i = 0; i < size; i++) trace += matrix[i * size + i] ?? 0
  const negligible = trace * 1e-13
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(matrix[p * size + q] ?? 0) >= negligible) rotate(matrix, vectors, p, q)
      }
    }
  }
  return vectors
}

/** Makes the element of `m` in row `p` and column `q` zero, and turns the vectors `v` with it. */
function rotate(m: Float64Array, v: Float64Array, p: number, q: number): void {
  const size = Math.sqrt(m.length)
  const off = m[p * size + q] ?? 0
  const theta = ((m[q * size + q] ?? 0) - (m[p * size + p] ?? 0)) / (2 * off)
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  for (let k = 0; k < size; k++) {
    const [a, b] = [m[k * size + p] ?? 0, m[k * size + q] ?? 0]
    m[k * size + p] = c * a - s * b
    m[k * size + q] = s * a + c * b
  }
  for (let k = 0; k < size; k++) {
    const [a, b] = [m[p * size + k] ?? 0, m[q * size + k] ?? 0]
    m[p * size + k] = c * a - s * b
    m[q * size + k] = s * a + c * b
    const [x, y] = [v[p * size + k] ?? 0, v[q * size + k] ?? 0]
    v[p * size + k] = c * x - s * y
    v[q * size + k] = s * x + c * y
  }
}
