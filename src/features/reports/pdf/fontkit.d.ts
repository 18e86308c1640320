/** The used part of fontkit, with which pdfkit reads fonts. It has no types of its own. */
declare module 'fontkit' {
  export function create(font: Buffer): { hasGlyphForCodePoint(codePoint: number): boolean }
}
