import { h, svg } from '../ui/dom.ts'
import { signed } from '../words/format.ts'
import { t } from '../words/language.ts'

type Point = { readonly valence: number; readonly arousal: number }

const TRAIL = 8
const x = ({ valence }: Point) => valence * 100
const y = ({ arousal }: Point) => -arousal * 100

/** Plots valence and arousal of the latest windows with a trail. */
export function createPlane() {
  const trail = svg('g', { class: 'trail' })
  const picture = svg(
    'svg',
    { viewBox: '-165 -124 330 248', role: 'img', 'aria-label': t('planeEmpty') },
    svg('circle', { class: 'ring', r: 100 }),
    svg('circle', { class: 'ring', r: 50 }),
    svg('line', { class: 'axis', x1: -100, x2: 100 }),
    svg('line', { class: 'axis', y1: -100, y2: 100 }),
    trail,
    svg('text', { x: 0, y: -108 }, t('excited')),
    svg('text', { x: 0, y: 118 }, t('calm')),
    svg('text', { x: -108, y: 3, class: 'end' }, t('unpleasant')),
    svg('text', { x: 108, y: 3, class: 'start' }, t('pleasant')),
  )
  const points: Point[] = []
  return {
    element: h('section', { class: 'plane' }, h('h2', {}, t('plane')), picture),
    add(point: Point): void {
      points.push(point)
      if (points.length > TRAIL) points.shift()
      const lines = points.slice(1).map((to, i) => {
        const from = points[i] ?? to
        const strength = ((i + 1) / points.length).toFixed(2)
        return svg('line', { x1: x(from), y1: y(from), x2: x(to), y2: y(to), opacity: strength })
      })
      const dots = points.map((dot, i) =>
        svg('circle', {
          cx: x(dot),
          cy: y(dot),
          r: i === points.length - 1 ? 7 : 3,
          opacity: ((i + 1) / points.length).toFixed(2),
        }),
      )
      trail.replaceChildren(...lines, ...dots)
      const label = t('planeLabel', { valence: signed(point.valence), arousal: signed(point.arousal) })
      picture.setAttribute('aria-label', label)
    },
  }
}
