import { h } from '../ui/dom.ts'

const GRID = { width: 64, height: 48 }
/** Camera noise changes pixels in every image; a slow camera repeats an image, but not for this long. */
const FROZEN_MS = 3000

/** Detects a frozen video: a camera that has stopped while its last image is still shown. */
export function createFreezeDetector(now: () => number = () => performance.now()) {
  const context = h('canvas', GRID).getContext('2d', { willReadFrequently: true })
  let last: Uint32Array | undefined
  let changedAt = 0

  /** Whether the image has not changed for too long. */
  return (image: ImageBitmap): boolean => {
    if (context === null) return false
    context.imageSmoothingEnabled = false // samples single pixels: averaging would remove the noise
    context.drawImage(image, 0, 0, GRID.width, GRID.height)
    const pixels = new Uint32Array(context.getImageData(0, 0, GRID.width, GRID.height).data.buffer)
    const before = last
    last = pixels
    if (before === undefined || pixels.some((pixel, i) => pixel !== before[i])) changedAt = now()
    return now() - changedAt >= FROZEN_MS
  }
}
