import { h } from '../ui/dom.ts'
import type { Motion, Part } from './measures.ts'
import type { Face } from './source.ts'

type Line = { readonly part: Part | 'frame'; readonly points: readonly number[]; readonly closed?: true }

/** Lines of the mesh: the oval, brows, lids, nose and lips. */
const LINES: readonly Line[] = [
  {
    part: 'frame',
    closed: true,
    points: [
      10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
      149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
    ],
  },
  { part: 'brows', points: [46, 53, 52, 65, 55] },
  { part: 'brows', points: [70, 63, 105, 66, 107] },
  { part: 'brows', points: [276, 283, 282, 295, 285] },
  { part: 'brows', points: [300, 293, 334, 296, 336] },
  {
    part: 'eyes',
    closed: true,
    points: [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246],
  },
  {
    part: 'eyes',
    closed: true,
    points: [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466],
  },
  { part: 'eyes', closed: true, points: [469, 470, 471, 472] },
  { part: 'eyes', closed: true, points: [474, 475, 476, 477] },
  { part: 'nose', points: [168, 6, 197, 195, 5, 4] },
  { part: 'nose', points: [129, 98, 97, 2, 326, 327, 358] },
  {
    part: 'mouth',
    closed: true,
    points: [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185],
  },
  {
    part: 'mouth',
    closed: true,
    points: [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191],
  },
]

/** Draws the face as mirrored lines over the preview; moving parts are drawn in the accent colour. */
export function createOutline() {
  const canvas = h('canvas', { class: 'outline', 'aria-hidden': 'true' })
  const context = canvas.getContext('2d')

  return {
    element: canvas,

    draw({ points, width, height }: Face, motion: Motion | undefined): void {
      if (context === null) return
      const scale = Math.min(2, devicePixelRatio)
      const wide = Math.round(canvas.clientWidth * scale)
      const high = Math.round((wide * height) / Math.max(1, width))
      if (canvas.width !== wide || canvas.height !== high) {
        canvas.width = wide
        canvas.height = high
      }
      context.clearRect(0, 0, wide, high)
      if (points === null) return
      const style = getComputedStyle(canvas)
      const rest = style.getPropertyValue('--outline')
      const accent = style.getPropertyValue('--outline-moving')
      context.lineJoin = 'round'
      context.lineCap = 'round'
      for (const { part, points: line, closed } of LINES) {
        const strength = part === 'frame' ? 0 : Math.min(1, (motion?.parts[part] ?? 0) * 1.6)
        context.beginPath()
        for (const [i, index] of line.entries()) {
          const x = (1 - (points[index * 3] ?? 0)) * wide
          const y = (points[index * 3 + 1] ?? 0) * high
          if (i === 0) context.moveTo(x, y)
          else context.lineTo(x, y)
        }
        if (closed === true) context.closePath()
        context.globalAlpha = part === 'frame' ? 0.5 : 0.85
        context.lineWidth = (part === 'frame' ? 1 : 1.4) * scale
        context.strokeStyle = rest
        context.stroke()
        if (strength > 0.08) {
          context.globalAlpha = strength
          context.lineWidth = (1.4 + strength * 1.6) * scale
          context.strokeStyle = accent
          context.stroke()
        }
      }
      context.globalAlpha = 1
    },
  }
}
