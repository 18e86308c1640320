import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const FAMILY = '@expo-google-fonts/nanum-gothic'
const FILES = {
  regular: `${FAMILY}/400Regular/NanumGothic_400Regular.ttf`,
  bold: `${FAMILY}/700Bold/NanumGothic_700Bold.ttf`,
} as const

export type FontName = keyof typeof FILES

const { resolve } = createRequire(import.meta.url)

/** fontkit reads the header of the last, empty glyph past the end of these files, so they are padded. */
const GLYPH_HEADER = new Uint8Array(16)

const load = (name: FontName) => Buffer.concat([readFileSync(resolve(FILES[name])), GLYPH_HEADER])

/** Nanum Gothic (SIL Open Font License 1.1) covers Hangul and Latin. A document embeds only the glyphs that it uses. */
export const loadFonts = (): Readonly<Record<FontName, Buffer>> => ({
  regular: load('regular'),
  bold: load('bold'),
})
