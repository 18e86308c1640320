import { h, svg } from '../ui/dom.ts'
import { signed } from '../words/format.ts'
import { t } from '../words/language.ts'

type Place = { readonly valence: number; readonly arousal: number }

const TRAIL = 8
const x = ({ valence }: Place) => valence * 100
const y = ({ arousal }: Place) => -arousal * 100

/** Where the expression lies between unpleasant and pleasant, calm and excited, and where it came from. */
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
  const places: Place[] = []
  return {
    element: h('section', { class: 'plane' }, h('h2', {}, t('plane')), picture),
    add(place: Place): void {
      places.push(place)
      if (places.length > TRAIL) places.shift()
      const lines = places.slice(1).map((to, i) => {
        const from = places[i] ?? to
        const strength = ((i + 1) / places.length).toFixed(2)
        return svg('line', { x1: x(from), y1: y(from), x2: x(to), y2: y(to), opacity: strength })
      })
      const dots = places.map((dot, i) =>
        svg('circle', {
          cx: x(dot),
          cy: y(dot),
          r: i === places.length - 1 ? 7 : 3,
          opacity: ((i + 1) / places.length).toFixed(2),
        }),
      )
      trail.replaceChildren(...lines, ...dots)
      const said = t('planeLabel', { valence: signed(place.valence), arousal: signed(place.arousal) })
      picture.setAttribute('aria-label', said)
    },
  }
}
