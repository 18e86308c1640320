/** Rows of `width` numbers one after another, with a target distribution over `classes` and a weight for each row. */
export type Problem = {
  readonly width: number
  readonly classes: number
  readonly rows: Float64Array
  readonly targets: Float64Array
  readonly weights: Float64Array
}

const MEMORY = 10
const CONVERGED = 1e-6

/**
 * Multinomial logistic regression with an L2 penalty on all weights except the biases: minimises the weighted mean
 * cross-entropy plus `penalty` / 2 times the squared weights. Returns (width + 1) x classes numbers; the last row
 * contains the biases. Deterministic. Solver: limited-memory BFGS with backtracking, Nocedal & Wright (2006), Numerical
 * Optimization, algorithm 7.5.
 */
export function fitLogistic(problem: Problem, penalty: number, rounds = 120): Float64Array {
  const size = (problem.width + 1) * problem.classes
  let at = new Float64Array(size)
  let gradient = new Float64Array(size)
  let loss = lossOf(problem, penalty, at, gradient)
  const steps: { s: Float64Array; y: Float64Array; rho: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const direction = descent(gradient, steps)
    const slope = dot(direction, gradient)
    if (!(slope < 0)) break
    let stride = steps.length === 0 ? 1 / Math.max(1, Math.sqrt(dot(gradient, gradient))) : 1
    let next = at
    let nextGradient = gradient
    let nextLoss = Number.POSITIVE_INFINITY
    for (let tries = 0; tries < 30; tries++, stride /= 2) {
      next = at.map((value, i) => value + stride * (direction[i] ?? 0))
      nextGradient = new Float64Array(size)
      nextLoss = lossOf(problem, penalty, next, nextGradient)
      if (nextLoss <= loss + 1e-4 * stride * slope) break
    }
    if (!(nextLoss < loss)) break
    const s = next.map((value, i) => value - (at[i] ?? 0))
    const y = nextGradient.map((value, i) => value - (gradient[i] ?? 0))
    const curvature = dot(s, y)
    if (curvature > 1e-12) steps.push({ s, y, rho: 1 / curvature })
    if (steps.length > MEMORY) steps.shift()
    const gained = loss - nextLoss
    ;[at, gradient, loss] = [next, nextGradient, nextLoss]
    if (gained < CONVERGED) break
  }
  return at
}

/** Logits of one row. */
export function logitsOf(weights: Float64Array, row: Float64Array, classes: number): Float64Array {
  const logits = weights.slice(row.length * classes)
  for (let j = 0; j < row.length; j++) {
    const value = row[j] ?? 0
    for (let k = 0; k < classes; k++) logits[k] = (logits[k] ?? 0) + value * (weights[j * classes + k] ?? 0)
  }
  return logits
}

/** Turns logits into probabilities, in place. */
export function softmax(values: Float64Array): Float64Array {
  const top = Math.max(...values)
  let sum = 0
  for (let k = 0; k < values.length; k++) {
    values[k] = Math.exp((values[k] ?? 0) - top)
    sum += values[k] ?? 0
  }
  for (let k = 0; k < values.length; k++) values[k] = (values[k] ?? 0) / sum
  return values
}

function lossOf(p: Problem, penalty: number, weights: Float64Array, gradient: Float64Array): number {
  const { width, classes, rows, targets } = p
  const count = p.weights.length
  const total = p.weights.reduce((sum, weight) => sum + weight, 0)
  let loss = 0
  for (let n = 0; n < count; n++) {
    const row = rows.subarray(n * width, (n + 1) * width)
    const probabilities = softmax(logitsOf(weights, row, classes))
    const weight = (p.weights[n] ?? 0) / total
    for (let k = 0; k < classes; k++) {
      const target = targets[n * classes + k] ?? 0
      const probability = probabilities[k] ?? 0
      if (target > 0) loss -= weight * target * Math.log(Math.max(probability, 1e-300))
      probabilities[k] = weight * (probability - target)
    }
    for (let j = 0; j < width; j++) {
      const value = row[j] ?? 0
      if (value === 0) continue
      for (let k = 0; k < classes; k++) {
        const place = j * classes + k
        gradient[place] = (gradient[place] ?? 0) + value * (probabilities[k] ?? 0)
      }
    }
    for (let k = 0; k < classes; k++) {
      const place = width * classes + k
      gradient[place] = (gradient[place] ?? 0) + (probabilities[k] ?? 0)
    }
  }
  for (let i = 0; i < width * classes; i++) {
    const value = weights[i] ?? 0
    loss += (penalty / 2) * value * value
    gradient[i] = (gradient[i] ?? 0) + penalty * value
  }
  return loss
}

/** The two-loop recursion: minus the gradient times the estimate of the inverse Hessian. */
function descent(
  gradient: Float64Array,
  steps: readonly { s: Float64Array; y: Float64Array; rho: number }[],
): Float64Array {
  const q = gradient.map((value) => -value)
  const alphas: number[] = []
  for (const { s, y, rho } of [...steps].reverse()) {
    const alpha = rho * dot(s, q)
    alphas.push(alpha)
    add(q, y, -alpha)
  }
  const last = steps.at(-1)
  if (last !== undefined) {
    const scale = 1 / (last.rho * dot(last.y, last.y))
    for (let i = 0; i < q.length; i++) q[i] = (q[i] ?? 0) * scale
  }
  for (const { s, y, rho } of steps) add(q, s, (alphas.pop() ?? 0) - rho * dot(y, q))
  return q
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

function add(to: Float64Array, what: Float64Array, times: number): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] ?? 0) + times * (what[i] ?? 0)
}
