import type { Language } from '../domain/language.ts'
import type { Dossier, Item, Row, Section, Source, Text } from './document.ts'

/** Marks what the operator has to fill in; the same in every language, so that it can be searched for. */
export const OPEN_MARK = 'TODO(operator)'

const SOURCE: Text = { ko: '출처', en: 'Source' }
const SETTING: Text = { ko: '설정', en: 'setting' }

function renderSource(source: Source, language: Language): string {
  if ('setting' in source) return `${SETTING[language]} \`${source.setting}\``
  return 'file' in source ? `\`${source.file}\`` : source.law[language]
}

const renderSources = (from: readonly Source[], language: Language): string =>
  from.map((source) => renderSource(source, language)).join(', ')

/** A line break or a vertical bar would end a cell. */
const escapeCell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function renderRow({ cells, from }: Row, language: Language): string {
  const texts = cells.map((cell) => (typeof cell === 'object' ? cell[language] : String(cell)))
  return `| ${[...texts, renderSources(from, language)].map(escapeCell).join(' | ')} |`
}

function renderItem(item: Item, language: Language): string {
  if (item.kind === 'open') return `- **${OPEN_MARK}:** ${item.text[language]}`
  if (item.kind === 'fact')
    return `- ${item.text[language]} *(${SOURCE[language]}: ${renderSources(item.from, language)})*`
  const heading = [...item.columns, SOURCE].map((column) => column[language])
  const rows = item.rows.map((row) => renderRow(row, language))
  return `\n| ${heading.join(' | ')} |\n|${'---|'.repeat(heading.length)}\n${rows.join('\n')}\n`
}

const renderSection = ({ heading, items }: Section, language: Language): string =>
  `## ${heading[language]}\n\n${items.map((item) => renderItem(item, language)).join('\n')}\n`

/** One document as Markdown. */
export const renderDossier = (dossier: Dossier, language: Language): string =>
  [
    `# ${dossier.title[language]}`,
    dossier.introduction[language],
    ...dossier.sections.map((section) => renderSection(section, language)),
  ]
    .join('\n\n')
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()
    .concat('\n')

/** Numbers of a document: its statements with a source, and what the operator has to fill in. */
export function countItems({ sections }: Dossier) {
  const items = sections.flatMap((section) => section.items)
  const count = (item: Item) => (item.kind === 'table' ? item.rows.length : 1)
  const sum = (some: readonly Item[]) => some.reduce((total, item) => total + count(item), 0)
  return {
    statements: sum(items.filter(({ kind }) => kind !== 'open')),
    open: sum(items.filter(({ kind }) => kind === 'open')),
  }
}

/** The sources of a document, each once, in the order of their first use. */
export function listSources({ sections }: Dossier): Source[] {
  const all = sections
    .flatMap(({ items }) => items)
    .flatMap((item) => {
      if (item.kind === 'fact') return item.from
      return item.kind === 'table' ? item.rows.flatMap(({ from }) => from) : []
    })
  return [...new Map(all.map((source) => [JSON.stringify(source), source])).values()]
}
