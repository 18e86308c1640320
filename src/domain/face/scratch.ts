/**
 * Memory that is reused for numbers that are needed only during one computation: the arrays of forty faces are 160 KB
 * outside the heap for each window, and allocating and collecting them took a fifth of the time of measuring a window.
 */
export function createScratch() {
  let block = new Float64Array(0)
  /** Calls `work` with so many numbers of any content, which are overwritten afterwards: faces are not kept. */
  return <Result>(length: number, work: (numbers: Float64Array) => Result): Result => {
    if (block.length < length) block = new Float64Array(length)
    try {
      return work(block.subarray(0, length))
    } finally {
      block.fill(0, 0, length)
    }
  }
}
