import { h, setVariables } from '../ui/dom.ts'
import { t } from '../words/language.ts'
import { type Motion, SHOWN } from './measures.ts'

/** A bar for each measure: to the right for more, to the left for less. */
export function createMeters() {
  const rows = SHOWN.map(([name]) => {
    const bar = h('span', { class: 'bar' })
    return {
      name,
      bar,
      element: h('li', {}, h('span', {}, t(name)), h('span', { class: 'track', 'aria-hidden': 'true' }, bar)),
    }
  })
  return {
    element: h(
      'section',
      { class: 'meters', 'aria-labelledby': 'measures' },
      h('h2', { id: 'measures' }, t('measures')),
      h('p', { class: 'hint' }, t('measuresText')),
      h('ul', {}, ...rows.map(({ element }) => element)),
    ),
    show(motion: Motion | undefined): void {
      for (const { name, bar } of rows)
        setVariables(bar, { '--value': (motion?.values[name] ?? 0).toFixed(3) })
    },
  }
}
