import type { Finding } from '../../../src/protocol/rest/health.ts'
import { h } from '../ui/dom.ts'
import { t, type TextKey } from '../words/language.ts'

const STATUS_TEXTS = {
  fail: 'findingFail',
  warn: 'findingWarn',
  ok: 'good',
  skipped: 'findingSkipped',
} as const satisfies Record<Finding['status'], TextKey>

const ORDER = Object.keys(STATUS_TEXTS)

/** The findings of the readiness, faults first, each with what to do. Hidden while there are none. */
export function createFindings() {
  const list = h('ul', { class: 'lines findings' })
  const element = h(
    'section',
    { hidden: true },
    h('h2', {}, t('findings'), h('small', {}, t('findingsText'))),
    list,
  )

  return {
    element,
    show(findings: readonly Finding[]): void {
      const sorted = [...findings].sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status))
      element.hidden = sorted.length === 0
      list.replaceChildren(
        ...sorted.map(({ name, status, cause, mend }) =>
          h(
            'li',
            { 'data-status': status },
            h(
              'div',
              {},
              h('code', {}, name),
              h('p', {}, cause),
              ...(mend === null ? [] : [h('small', {}, mend)]),
            ),
            h('b', {}, t(STATUS_TEXTS[status])),
          ),
        ),
      )
    },
  }
}
