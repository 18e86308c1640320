import type { VariableName } from '../config/variables.ts'
import type { Language } from '../domain/language.ts'

/** A text in every language. */
export type Text = Readonly<Record<Language, string>>

/** Where a statement comes from. */
export type Source =
  | { readonly setting: VariableName }
  /** A path from the root of the project. */
  | { readonly file: string }
  | { readonly law: Text }

export type Item =
  | { readonly kind: 'fact'; readonly text: Text; readonly from: readonly Source[] }
  /** What only the operator knows. */
  | { readonly kind: 'open'; readonly text: Text }
  | { readonly kind: 'table'; readonly columns: readonly Text[]; readonly rows: readonly Row[] }

type Cell = Text | string | number
export type Row = { readonly cells: readonly Cell[]; readonly from: readonly Source[] }

export type Section = { readonly heading: Text; readonly items: readonly Item[] }

export type Dossier = {
  /** The name of the file, without `.md`. */
  readonly name: string
  readonly title: Text
  readonly introduction: Text
  readonly sections: readonly Section[]
}

export const setting = (...names: readonly VariableName[]): Source[] =>
  names.map((name) => ({ setting: name }))

export const file = (...paths: readonly string[]): Source[] => paths.map((path) => ({ file: path }))

export const law = (...texts: readonly Text[]): Source[] => texts.map((text) => ({ law: text }))

export const fact = (text: Text, from: readonly Source[]): Item => ({ kind: 'fact', text, from })

export const open = (text: Text): Item => ({ kind: 'open', text })

/** How a law names its parts. */
const PARTS = {
  article: { ko: '제$1조', en: 'Art. $1' },
  paragraph: { ko: ' 제$1항', en: '($1)' },
  annex: { ko: '부속서', en: 'Annex' },
  chapter: { ko: '제$1장', en: 'Chapter $1' },
} as const

/** A place such as `Art. 50(3)`, as Korean texts cite it. */
const inKorean = (place: string): string =>
  place
    .replace(/Art\. (\d+)/g, PARTS.article.ko)
    .replace(/ ?\((\d+)\)/g, PARTS.paragraph.ko)
    .replace('Annex', PARTS.annex.ko)
    .replace(/Chapter (\S+)/, PARTS.chapter.ko)

/** An article of Regulation (EU) 2024/1689. */
export const aiAct = (place: string): Source[] =>
  law({
    ko: `EU 인공지능법(규정 (EU) 2024/1689) ${inKorean(place)}`,
    en: `Regulation (EU) 2024/1689, ${place}`,
  })

/** An article of Regulation (EU) 2016/679. */
export const gdpr = (place: string): Source[] =>
  law({ ko: `GDPR(규정 (EU) 2016/679) ${inKorean(place)}`, en: `Regulation (EU) 2016/679, ${place}` })
