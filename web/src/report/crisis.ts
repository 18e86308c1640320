import { type CrisisLine, crisisLines } from '../../../src/domain/crisis/lines.ts'
import type { Report } from '../pages/report.ts'
import { h } from '../ui/dom.ts'
import { language, t } from '../words/language.ts'

const PHONE_NUMBER = /^[\d-]+$/

/** Crisis lines, shown first in the report; false when the session is not flagged. */
export function createCrisisSection(report: Report): HTMLElement | false {
  if (!report.analysis.overallAssessment.forCounsellor.isFlagged) return false
  return h(
    'section',
    { class: 'notice alert crisis' },
    h('p', {}, t('flagged')),
    h(
      'ul',
      {},
      ...selectLines(report).map((line) => h('li', {}, `${line.name} `, h('b', {}, createNumber(line)))),
    ),
  )
}

/** The server's default lines are in the session's language: show them in the page's. */
function selectLines({ crisisLines: lines, metadata }: Report): readonly CrisisLine[] {
  const defaults = crisisLines(metadata.language)
  const isDefault =
    lines.length === defaults.length && lines.every(({ number }, i) => number === defaults[i]?.number)
  return isDefault ? crisisLines(language()) : lines
}

const createNumber = ({ number }: CrisisLine): HTMLElement | string =>
  PHONE_NUMBER.test(number) ? h('a', { href: `tel:${number}` }, number) : number
