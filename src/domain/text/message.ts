/** A clause of a sentence; offsets into `Message.text`. */
export type Clause = {
  readonly start: number
  readonly end: number
  /** Clauses of one sentence share its number. */
  readonly sentence: number
  /** Number of contrast words (`but`, `-지만`) before it in the message. */
  readonly turn: number
}

/** A preprocessed message, the input of all text analysis. */
export type Message = {
  /** Lower case, single spaces, no apostrophes inside words, repeated letters shortened. */
  readonly text: string
  readonly clauseAt: (position: number) => Clause
  /** The words that begin at or after `from` and before `to`. */
  readonly wordsBetween: (from: number, to: number) => readonly string[]
  /** True inside quotation marks, unless users quote themselves or the whole message is quoted. */
  readonly quotedAt: (position: number) => boolean
  /** The text between two offsets as it was typed. */
  readonly written: (start: number, end: number) => string
}

const QUOTES: ReadonlyMap<string, string> = new Map([
  ...'“ ” „ « » 「 」 『 』 〝 〞 "'.split(' ').map((mark) => [mark, '"'] as const),
  ..."‘ ’ ‚ ' ` ´".split(' ').map((mark) => [mark, "'"] as const),
])
const LATIN = /[a-z]/
const SPACE = /[^\S\n]/
const JAMO = /[ㄱ-ㅣ]/
const LETTER = /\p{L}/u

/** The offset in `typed` of every character of the normalised text. */
type Normalised = { readonly text: string; readonly origin: readonly number[]; readonly typed: string }

export function normalise(text: string): Normalised {
  const typed = text.normalize('NFC')
  const out: string[] = []
  const origin: number[] = []
  let repeats = 1
  for (let index = 0; index < typed.length; index += 1) {
    const raw = typed.charAt(index)
    const lower = SPACE.test(raw) ? ' ' : raw.toLowerCase().charAt(0)
    const character = QUOTES.get(lower) ?? lower
    const last = out.at(-1)
    if (character === ' ' && (last === ' ' || last === undefined)) continue
    if (character === "'" && LATIN.test(last ?? '') && LATIN.test(typed.charAt(index + 1).toLowerCase()))
      continue
    repeats = character === last && LETTER.test(character) ? repeats + 1 : 1
    // "soooo" is "so" and "ㅠㅠㅠ" is "ㅠ", but "feel" stays.
    if (repeats >= 2 && JAMO.test(character)) continue
    if (repeats > 3) continue
    if (repeats === 3) {
      out.pop()
      continue
    }
    out.push(character)
    origin.push(index)
    if (out.length < origin.length) origin.length = out.length
  }
  return { text: out.join(''), origin, typed }
}

const SENTENCE_END = /[.!?\n;。！？…]/
/** Endings and words that separate clauses, whose subjects may differ. */
const KOREAN_LINK = /(?:지만|[는은던운한인]데|니까|[^에로]서|때문에)$/
const KOREAN_CONTRAST = /(?:지만|[는은던운한인]데)$/
const CONTRAST_WORD = /^(?:but|yet|however|though|although|하지만|그런데|근데|그래도|그러나|다만)$/
const LINK_WORD = /^(?:because|since|while|왜냐하면)$/

function readClauses(text: string): Clause[] {
  const clauses: Clause[] = []
  let [start, sentence, turn] = [0, 0, 0]
  const close = (end: number) => {
    if (end > start) clauses.push({ start, end, sentence, turn })
    start = end
  }
  for (const { 0: piece, index } of text.matchAll(/[\p{L}\p{N}]+|[.!?\n;,。！？…]/gu)) {
    const end = index + piece.length
    if (SENTENCE_END.test(piece)) {
      close(end)
      sentence += 1
    } else if (piece === ',') close(end)
    else if (CONTRAST_WORD.test(piece)) {
      close(index)
      turn += 1
    } else if (LINK_WORD.test(piece)) close(index)
    else if (piece.length > 2 && KOREAN_LINK.test(piece)) {
      close(end)
      if (KOREAN_CONTRAST.test(piece)) turn += 1
    }
  }
  close(text.length)
  return clauses
}

const MAX_QUOTE_LENGTH = 400
const OWN_WORDS =
  /(?:^|\s)(?:나는|난|내가|저는|제가|나도|나한테|나에게|내게|스스로|혼자)(?=\s|$)|\bi (?:\w+ )?(?:said|say|yelled|shouted|screamed|told|tell|thought|think|cried|whispered|keep)\b|\b(?:told|tell|telling) myself\b/

/** Finds pairs of quotation marks. An apostrophe after a Latin letter does not open a quotation. */
function readQuotes(text: string): (readonly [number, number])[] {
  const spans: (readonly [number, number])[] = []
  const opened = new Map<string, number>()
  for (let index = 0; index < text.length; index += 1) {
    const mark = text.charAt(index)
    if (mark !== '"' && mark !== "'") continue
    const from = opened.get(mark)
    if (from !== undefined && index - from <= MAX_QUOTE_LENGTH) {
      spans.push([from, index])
      opened.delete(mark)
    } else if (mark === '"' || !LATIN.test(text.charAt(index - 1))) opened.set(mark, index)
  }
  return spans
}

export function readMessage(written: string): Message {
  const { text, origin, typed } = normalise(written)
  const clauses = readClauses(text)
  const clauseOf = new Uint16Array(text.length + 1)
  clauses.forEach((clause, number) => clauseOf.fill(number, clause.start, clause.end + 1))
  const whole: Clause = { start: 0, end: text.length, sentence: 0, turn: 0 }

  const words = Array.from(text.matchAll(/[\p{L}\p{N}]+/gu), ({ 0: word, index }) => ({ word, index }))
  /** For each position, the number of words that start before it. */
  const wordsBefore = new Uint16Array(text.length + 1)
  for (const { index } of words) wordsBefore[index + 1] = 1
  for (let index = 1; index <= text.length; index += 1)
    wordsBefore[index] = (wordsBefore[index] ?? 0) + (wordsBefore[index - 1] ?? 0)

  const spans = readQuotes(text)
  const quoted = new Uint8Array(text.length + 1)
  for (const [from, to] of spans) quoted.fill(1, from, to + 1)
  const outside = maskOut(text, quoted)
  const ownWords = !LETTER.test(outside) || OWN_WORDS.test(outside)

  return {
    text,
    clauseAt: (position) => clauses[clauseOf[position] ?? 0] ?? whole,
    wordsBetween: (from, to) => words.slice(wordsBefore[from], wordsBefore[to]).map(({ word }) => word),
    quotedAt: (position) => !ownWords && quoted[position] === 1,
    written: (start, end) => typed.slice(origin[start] ?? 0, (origin[end - 1] ?? typed.length - 1) + 1),
  }
}

const maskOut = (text: string, mask: Uint8Array) => {
  let kept = ''
  for (let index = 0; index < text.length; index += 1) kept += mask[index] === 1 ? ' ' : text.charAt(index)
  return kept
}
