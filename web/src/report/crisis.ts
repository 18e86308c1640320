import { type CrisisLine, crisisLines } from '../../../src/domain/crisis/lines.ts'
import type { Report } from '../pages/report.ts'
import { h } from '../ui/dom.ts'
import { language, t } from '../words/language.ts'

const ONE_NUMBER = /^[\d-]+$/

/** Whom to call, first of all that the report has to say; nothing when no words of self-harm were noticed. */
export function crisisOf(report: Report): HTMLElement | false {
  if (!report.analysis.overallAssessment.forCounsellor.isFlagged) return false
  return h(
    'section',
    { class: 'notice alert crisis' },
    h('p', {}, t('flagged')),
    h('ul', {}, ...linesFor(report).map((line) => h('li', {}, `${line.name} `, h('b', {}, numberOf(line))))),
  )
}

/** Those that the server knows by itself are told in the session's language, which need not be the page's. */
function linesFor({ crisisLines: lines, metadata }: Report): readonly CrisisLine[] {
  const known = crisisLines(metadata.language)
  const isKnown = lines.length === known.length && lines.every(({ number }, i) => number === known[i]?.number)
  return isKnown ? crisisLines(language()) : lines
}

const numberOf = ({ number }: CrisisLine): HTMLElement | string =>
  ONE_NUMBER.test(number) ? h('a', { href: `tel:${number}` }, number) : number
