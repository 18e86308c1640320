import { h } from '../ui/dom.ts'

const GRID = { width: 64, height: 48 }
/** The noise of a camera changes some pixel in each picture; a slow one repeats a picture, not for so long. */
const STILL_MS = 3000

/** Tells pictures that come from a camera from the last one, shown on and on after it has stopped. */
export function createStillness(now: () => number = () => performance.now()) {
  const pen = h('canvas', GRID).getContext('2d', { willReadFrequently: true })
  let last: Uint32Array | undefined
  let changedAt = 0

  /** Whether nothing has changed for too long. */
  return (picture: ImageBitmap): boolean => {
    if (pen === null) return false
    pen.imageSmoothingEnabled = false // single pixels: a mean would smooth the noise away
    pen.drawImage(picture, 0, 0, GRID.width, GRID.height)
    const seen = new Uint32Array(pen.getImageData(0, 0, GRID.width, GRID.height).data.buffer)
    const before = last
    last = seen
    if (before === undefined || seen.some((pixel, i) => pixel !== before[i])) changedAt = now()
    return now() - changedAt >= STILL_MS
  }
}
