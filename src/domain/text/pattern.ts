import type { Message } from './message.ts'
import { normalise } from './message.ts'

/**
 * Notation of cues:
 * `(a|b)` alternatives; ` … ` a gap of at most 40 characters within the same sentence;
 * English words are whole words unless they end in `*`; Korean pieces match the beginning of a word and anything
 * attached to it, a last syllable without a final consonant matches any final consonant (`슬프` matches 슬픈), a trailing
 * `.` ends the word, and spaces in Korean may be missing.
 */
type Pattern = string

export type Found<T> = {
  readonly value: T
  readonly start: number
  /** Offset after the last matched character. */
  readonly end: number
  /** The text of each gap. */
  readonly gaps: readonly string[]
}

type Ending = {
  readonly rule: number
  readonly piece: number
  readonly closed: boolean
  readonly inside: boolean
}
/** A trie node. Most nodes have a single child, which is stored without a map. */
type Node = {
  code: number
  child: Node | undefined
  others: Map<number, Node> | undefined
  exact: Ending[] | undefined
  loose: Map<number, Ending[]> | undefined
}

const MAX_GAP = 40
const HANGUL = /[가-힣]/
const WORD = /[a-z0-9]/
/** Short words that are often written together with the next word. */
const JOINED = new Set('안 못 너무 진짜 정말 완전 엄청 존나 졸라 개 넘 난 나 더 또 핵 왤케 그냥'.split(' '))

/** Removes the final consonant of a Hangul syllable; 0 for other characters. */
const removeFinalConsonant = (code: number) =>
  code < 0xac00 || code > 0xd7a3 ? 0 : code - ((code - 0xac00) % 28)
/** `a-z` and `0-9`; false for NaN, the code before the first character. */
const isLatinOrDigit = (code: number) => (code >= 97 && code <= 122) || (code >= 48 && code <= 57)
const createNode = (): Node => ({
  code: -1,
  child: undefined,
  others: undefined,
  exact: undefined,
  loose: undefined,
})
const getChild = (node: Node, code: number) => (node.code === code ? node.child : node.others?.get(code))

function addChild(node: Node, code: number): Node {
  const existing = getChild(node, code)
  if (existing !== undefined) return existing
  const created = createNode()
  if (node.child === undefined) Object.assign(node, { code, child: created })
  else (node.others ??= new Map()).set(code, created)
  return created
}

const expandAlternatives = (pattern: Pattern): string[] => {
  const choice = /\(([^()]*)\)/.exec(pattern)
  if (choice === null) return [pattern]
  return (choice[1] ?? '')
    .split('|')
    .flatMap((option) =>
      expandAlternatives(
        pattern.slice(0, choice.index) + option + pattern.slice(choice.index + choice[0].length),
      ),
    )
}

/** Variants of a Korean piece with and without its spaces. */
const expandSpacings = (piece: string): string[] => {
  const gap = /(?<=[가-힣]) (?=[가-힣])/.exec(piece)
  if (gap === null) return [piece]
  const rest = expandSpacings(piece.slice(gap.index + 1))
  const head = piece.slice(0, gap.index)
  return rest.flatMap((tail) => [`${head} ${tail}`, head + tail])
}

const upsert = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}

/**
 * Matches all rules in one pass: the time grows with the length of the text, not with the number of rules, without
 * backtracking.
 */
export function createMatcher<T>(rules: readonly (readonly [pattern: Pattern, value: T])[]) {
  const root = createNode()
  const compiled: { readonly value: T; readonly pieces: number }[] = []

  const addPiece = (written: string, rule: number, piece: number, inside: boolean) => {
    const open = written.endsWith('*')
    const ends = written.endsWith('.')
    if (/[가-힣]\.(?!$)/.test(written))
      throw new Error(`"." ends a word only at the end of a piece: ${written}`)
    const plain = normalise(open || ends ? written.slice(0, -1) : written).text
    for (const form of expandSpacings(plain)) {
      let node = root
      const last = form.charCodeAt(form.length - 1)
      const loose = removeFinalConsonant(last) === last && last !== 0 && !ends
      for (let index = 0; index < form.length - (loose ? 1 : 0); index += 1)
        node = addChild(node, form.charCodeAt(index))
      const ending = { rule, piece, closed: ends || (!open && WORD.test(form.at(-1) ?? '')), inside }
      if (loose) upsert((node.loose ??= new Map<number, Ending[]>()), last, (): Ending[] => []).push(ending)
      else (node.exact ??= []).push(ending)
    }
  }

  /** Compiled on first use to save time and memory at startup. */
  const compile = () => {
    for (const [pattern, value] of rules) for (const form of expandAlternatives(pattern)) addRule(form, value)
  }

  const addRule = (form: string, value: T) => {
    const pieces = form.split(' … ')
    const inside = form.replace(/[^가-힣]/g, '').length >= 3
    pieces.forEach((piece, number) => addPiece(piece, compiled.length, number, inside && piece.length > 1))
    compiled.push({ value, pieces: pieces.length })
  }

  /** Whether a position is inside a Hangul word and not after a short word that is written together with the next one. */
  const isWithinWord = (text: string, position: number): boolean =>
    HANGUL.test(text.charAt(position - 1)) &&
    HANGUL.test(text.charAt(position)) &&
    ![1, 2].some(
      (length) =>
        JOINED.has(text.slice(position - length, position)) &&
        !HANGUL.test(text.charAt(position - length - 1)),
    )

  const closedAt = (text: string, end: number) =>
    HANGUL.test(text.charAt(end - 1)) ? !HANGUL.test(text.charAt(end)) : !WORD.test(text.charAt(end))

  return (message: Message): Found<T>[] => {
    if (compiled.length === 0) compile()
    const { text } = message
    const found: Found<T>[] = []
    /** Partially matched rules of several pieces: the latest start of each. */
    const partial = new Map<number, { next: number; start: number; end: number; gaps: string[] }>()

    const addMatch = ({ rule, piece, closed, inside }: Ending, start: number, end: number) => {
      const known = compiled[rule]
      if (known === undefined || (closed && !closedAt(text, end))) return
      if (!inside && isWithinWord(text, start)) return
      if (known.pieces === 1) {
        found.push({ value: known.value, start, end, gaps: [] })
        return
      }
      if (piece === 0) {
        partial.set(rule, { next: 1, start, end, gaps: [] })
        return
      }
      const state = partial.get(rule)
      if (state?.next !== piece || start < state.end || start - state.end > MAX_GAP) return
      if (message.clauseAt(start).sentence !== message.clauseAt(state.start).sentence) return
      state.gaps.push(text.slice(state.end, start))
      state.next += 1
      state.end = end
      if (state.next < known.pieces) return
      found.push({ value: known.value, start: state.start, end, gaps: state.gaps })
      partial.delete(rule)
    }

    for (let start = 0; start < text.length; start += 1) {
      if (isLatinOrDigit(text.charCodeAt(start)) && isLatinOrDigit(text.charCodeAt(start - 1))) continue
      let node: Node | undefined = root
      for (let index = start; node !== undefined && index < text.length; index += 1) {
        const code = text.charCodeAt(index)
        for (const ending of node.loose?.get(removeFinalConsonant(code)) ?? [])
          addMatch(ending, start, index + 1)
        node = getChild(node, code)
        for (const ending of node?.exact ?? []) addMatch(ending, start, index + 1)
      }
    }
    return found
  }
}

/** Removes matches within longer ones: of `not bad`, the inner `bad` is dropped. */
export function keepOutermost<T>(found: readonly Found<T>[]): Found<T>[] {
  const kept: Found<T>[] = []
  let reach = -1
  for (const match of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (match.end <= reach) continue
    kept.push(match)
    reach = match.end
  }
  return kept
}
