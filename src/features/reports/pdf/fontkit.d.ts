/** What is used of fontkit, the library by which pdfkit reads fonts; it comes without types. */
declare module 'fontkit' {
  export function create(font: Buffer): { hasGlyphForCodePoint(codePoint: number): boolean }
}
