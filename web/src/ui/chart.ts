import type { AlignedData } from 'uplot'
import { colourOf } from './colour.ts'
import { h } from './dom.ts'

type Look = {
  /** What the picture says, for whoever does not see it. */
  readonly label: string
  /** Names of the lines; the first is drawn in the accent. */
  readonly lines: readonly string[]
  readonly range: readonly [least: number, most: number | null]
  readonly x: (value: number) => string
}

const HEIGHT = 220
const DASHES = [[], [6, 5]]

/** Lines over time. The library comes when the first chart does. */
export async function createChart({ label, lines, range, x }: Look) {
  const [{ default: Plot }] = await Promise.all([import('uplot'), import('uplot/dist/uPlot.min.css')])
  const canvas = h('div', { class: 'canvas', 'aria-hidden': 'true' })
  const key = h(
    'figcaption',
    { class: 'key' },
    ...lines.map((name, i) => h('span', { class: `line-${i}` }, name)),
  )
  const element = h('figure', { class: 'chart' }, h('div', { role: 'img', 'aria-label': label }, canvas), key)
  const picture = element.firstElementChild
  let data: AlignedData = [[]]
  let plot: InstanceType<typeof Plot> | undefined

  const draw = () => {
    const style = getComputedStyle(element)
    const colour = (name: string) => colourOf(element, name)
    const axis = {
      stroke: colour('--muted'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: `12px ${style.fontFamily}`,
    }
    plot?.destroy()
    plot = new Plot(
      {
        width: Math.max(200, element.clientWidth),
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false },
          y: { range: (_plot, _least, most) => [range[0], range[1] ?? Math.max(5, Math.ceil(most * 1.15))] },
        },
        axes: [
          { ...axis, values: (_plot, marks) => marks.map(x) },
          { ...axis, size: 44 },
        ],
        series: [
          {},
          ...lines.map((name, i) => ({
            label: name,
            stroke: colour(i === 0 ? '--accent' : '--ink'),
            width: 2,
            dash: DASHES[i] ?? [],
            points: { show: true, size: 6, fill: colour(i === 0 ? '--accent' : '--ink') },
          })),
        ],
      },
      data,
      canvas,
    )
  }

  // Its size and its colours are the page's.
  const size = new ResizeObserver(() => draw())
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const onColours = () => draw()
  size.observe(element)
  dark.addEventListener('change', onColours)

  return {
    element,
    show(next: AlignedData, said?: string): void {
      data = next
      if (said !== undefined) picture?.setAttribute('aria-label', said)
      plot?.setData(data)
    },
    close(): void {
      size.disconnect()
      dark.removeEventListener('change', onColours)
      plot?.destroy()
    },
  }
}
