const CHUNK = 16
const PIECE = /\S{1,40}\s*|\s+/gu
const ENDS_SENTENCE = /[.!?\n]\s*$/

/** Splits a text into chunks of a few words for streaming, never across sentences; joined they equal the text. */
export function splitForStream(text: string): string[] {
  const chunks: string[] = []
  let chunk = ''
  for (const [piece] of text.matchAll(PIECE)) {
    chunk += piece
    if (chunk.length < CHUNK && !ENDS_SENTENCE.test(chunk)) continue
    chunks.push(chunk)
    chunk = ''
  }
  return chunk === '' ? chunks : [...chunks, chunk]
}
