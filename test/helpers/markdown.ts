import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Folders without documents of the project. */
const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.tap', '.data', 'coverage'])

function findMarkdown(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return LEFT_OUT.has(entry.name) ? [] : findMarkdown(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}

/** Every document of the project, as paths from its root. */
export const DOCUMENTS: readonly string[] = findMarkdown('.').toSorted()

export const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

export type Block = {
  readonly document: string
  readonly line: number
  /** What follows the opening fence: `sh`, `json POST /api/emotion 200`. */
  readonly info: string
  /** Without the indentation of the fence. */
  readonly code: string
}

const FENCE = /^( *)(```+)(.*)\n([\s\S]*?)^\1\2 *$/gm

/** The code blocks of a document. */
export function blocksOf(document: string, text = readText(document)): Block[] {
  return [...text.matchAll(FENCE)].map((found) => {
    const [, indent = '', , info = '', body = ''] = found
    return {
      document,
      line: text.slice(0, found.index).split('\n').length,
      info: info.trim(),
      code: body
        .split('\n')
        .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
        .join('\n'),
    }
  })
}

/** The text without code blocks; its lines keep their numbers. */
export const withoutBlocks = (text: string): string =>
  text.replace(FENCE, (block) => block.replace(/[^\n]/g, ''))

/** The contents of code spans; a line break within one is a space. */
export const spansOf = (text: string): string[] =>
  [...withoutBlocks(text).matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replace(/\s+/g, ' '))

/** The anchors of a document's headings, as code hosts make them; repeated ones are numbered. */
export function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>()
  const anchors = [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => {
    const anchor = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-')
    const count = seen.get(anchor) ?? 0
    seen.set(anchor, count + 1)
    return count === 0 ? anchor : `${anchor}-${count}`
  })
  return new Set(anchors)
}

/** The relative links of a document: inline ones, images and definitions. */
export const linksOf = (text: string): string[] =>
  [
    ...withoutBlocks(text).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g),
    ...withoutBlocks(text).matchAll(/^\[[^\]]+\]: (?!\w+:)(\S+)$/gm),
  ].map(([, link = '']) => link)

/** What is wrong with a relative link; undefined if it leads somewhere. */
export function findLinkFault(document: string, link: string): string | undefined {
  const [file = '', anchor] = link.split('#')
  const target = file === '' ? document : normalize(join(dirname(document), file))
  if (target.startsWith('..') || !existsSync(join(ROOT, target))) return `${document}: ${link} does not exist`
  if (anchor === undefined || anchorsOf(readText(target)).has(anchor)) return undefined
  return `${document}: ${link} is not a heading`
}
