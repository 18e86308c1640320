import PDFDocument from 'pdfkit'
import { type FontName, loadFonts } from './fonts.ts'
import { legible } from './glyphs.ts'

/** Lengths in points (1/72 inch), from the top left corner. */
export const PAGE = { width: 595.28, height: 841.89, margin: 52, top: 56, bottom: 64 } as const
export const CONTENT = PAGE.width - 2 * PAGE.margin

export const COLOURS = {
  ink: '#1f2a37',
  muted: '#66717f',
  line: '#d5dae0',
  soft: '#f3f5f8',
  accent: '#2f6690',
  alarm: '#a63d2f',
  alarmSoft: '#fbeeec',
} as const

type TextStyle = {
  readonly size?: number
  readonly font?: FontName
  readonly colour?: string
  readonly align?: 'left' | 'right' | 'center'
}

/** Where one line of text goes. */
type Line = { readonly x: number; readonly y: number; readonly width: number }

type Stroke = { readonly colour?: string; readonly width?: number }

const LEADING = 1.5
const BODY = 9.5
/** More than any line holds; bounds the cost of measuring a long word. */
const MAX_CHARACTERS_PER_LINE = 160

let fonts: ReturnType<typeof loadFonts> | undefined

/**
 * Pages written from top to bottom. `y` is the position of the next element; an element that does not fit starts a new
 * page. Korean is broken only between words, which pdfkit's own wrapping does not do.
 */
export function createSheet(info: { title: string; language: string; madeAt: Date }) {
  fonts ??= loadFonts()
  const doc = new PDFDocument({
    size: 'A4',
    margin: 0,
    bufferPages: true,
    lang: info.language,
    displayTitle: true,
    pdfVersion: '1.7',
    info: { Title: info.title, Creator: 'maeum', Producer: 'maeum', CreationDate: info.madeAt },
  })
  for (const name of ['regular', 'bold'] as const) doc.registerFont(name, fonts[name])

  const set = ({ size = BODY, font = 'regular', colour = COLOURS.ink }: TextStyle) =>
    doc.font(font).fontSize(size).fillColor(colour)

  /** The longest prefix of a word that fits, at least one character. */
  const prefix = (word: string, width: number): string => {
    const characters = Array.from(word).slice(0, MAX_CHARACTERS_PER_LINE)
    let [fits, tooMany] = [1, characters.length + 1]
    while (tooMany - fits > 1) {
      const middle = Math.floor((fits + tooMany) / 2)
      if (doc.widthOfString(characters.slice(0, middle).join('')) <= width) fits = middle
      else tooMany = middle
    }
    return characters.slice(0, fits).join('')
  }

  const wrap = (text: string, width: number, style: TextStyle): string[] => {
    set(style)
    const lines: string[] = []
    let line = ''
    for (const word of legible(text)
      .split(' ')
      .filter((part) => part !== '')) {
      const longer = line === '' ? word : `${line} ${word}`
      if (doc.widthOfString(longer) <= width) {
        line = longer
        continue
      }
      if (line !== '') lines.push(line)
      line = word
      for (let head = prefix(line, width); head !== line; head = prefix(line, width)) {
        lines.push(head)
        line = line.slice(head.length)
      }
    }
    return line === '' ? lines : [...lines, line]
  }

  const sheet = {
    doc,
    y: PAGE.top as number,

    /** Starts a new page unless `height` is left on this one. */
    ensure(height: number): void {
      if (sheet.y + height <= PAGE.height - PAGE.bottom) return
      doc.addPage()
      sheet.y = PAGE.top
    },

    /** One line at a position, cut at `width`; does not move `y`. */
    put(text: string, { x, y, width }: Line, style: TextStyle = {}): void {
      set(style)
      const whole = legible(text)
      const fits = doc.widthOfString(whole) <= width
      const shown = fits ? whole : `${prefix(whole, width - (style.size ?? BODY))}…`
      const spare = Math.max(0, width - doc.widthOfString(shown))
      const shift = { left: 0, right: spare, center: spare / 2 }[style.align ?? 'left']
      doc.text(shown, x + shift, y, { lineBreak: false })
    },

    heightOf: (text: string, width: number, style: TextStyle = {}): number =>
      wrap(text, width, style).length * (style.size ?? BODY) * LEADING,

    /** A paragraph at `y`; moves `y`. */
    paragraph(text: string, style: TextStyle = {}, x: number = PAGE.margin, width: number = CONTENT): void {
      const height = (style.size ?? BODY) * LEADING
      for (const line of wrap(text, width, style)) {
        sheet.ensure(height)
        sheet.put(line, { x, y: sheet.y, width: width + 1 }, style)
        sheet.y += height
      }
    },

    /** A heading on the same page as at least `keep` points of its content. */
    heading(text: string, keep = 40): void {
      sheet.y += 16
      sheet.ensure(22 + keep)
      const style = { size: 12.5, font: 'bold', colour: COLOURS.accent } as const
      sheet.put(text, { x: PAGE.margin, y: sheet.y, width: CONTENT }, style)
      sheet.y += 21
    },

    note(text: string): void {
      sheet.paragraph(text, { size: 8, colour: COLOURS.muted })
      sheet.y += 4
    },

    bullet(text: string): void {
      sheet.ensure(BODY * LEADING)
      doc.circle(PAGE.margin + 3, sheet.y + BODY * 0.62, 1.6).fill(COLOURS.accent)
      sheet.paragraph(text, {}, PAGE.margin + 13, CONTENT - 13)
      sheet.y += 2
    },

    /** A horizontal line. */
    rule(left: number, right: number, y: number, { colour = COLOURS.line, width = 0.5 }: Stroke = {}): void {
      doc.moveTo(left, y).lineTo(right, y).lineWidth(width).strokeColor(colour).stroke()
    },
  }
  return sheet
}

export type Sheet = ReturnType<typeof createSheet>
