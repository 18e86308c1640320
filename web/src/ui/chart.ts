import type { AlignedData } from 'uplot'
import { resolveColour } from './colour.ts'
import { h } from './dom.ts'

type ChartOptions = {
  /** Accessible description of the chart. */
  readonly label: string
  /** Names of the lines; the first is drawn in the accent colour. */
  readonly lines: readonly string[]
  readonly range: readonly [min: number, max: number | null]
  readonly x: (value: number) => string
}

const HEIGHT = 220
const DASHES = [[], [6, 5]]

/** Line chart over time. The library is loaded with the first chart. */
export async function createChart({ label, lines, range, x }: ChartOptions) {
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
    const colour = (name: string) => resolveColour(element, name)
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
          y: { range: (_plot, _min, max) => [range[0], range[1] ?? Math.max(5, Math.ceil(max * 1.15))] },
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

  const size = new ResizeObserver(() => draw())
  const darkScheme = matchMedia('(prefers-color-scheme: dark)')
  const onColourScheme = () => draw()
  size.observe(element)
  darkScheme.addEventListener('change', onColourScheme)

  return {
    element,
    show(next: AlignedData, nextLabel?: string): void {
      data = next
      if (nextLabel !== undefined) picture?.setAttribute('aria-label', nextLabel)
      plot?.setData(data)
    },
    close(): void {
      size.disconnect()
      darkScheme.removeEventListener('change', onColourScheme)
      plot?.destroy()
    },
  }
}
