/** Joiners and selectors that change visible glyphs: in emoji, in scripts that join letters, after Han. */
const VISIBLE_JOINERS = [
  // Emoji families, colour variants, keycaps and regional flags.
  /(?<=\p{Extended_Pictographic}[\u{1F3FB}-\u{1F3FF}]?\uFE0F?)\u200D(?=\p{Extended_Pictographic})/gu,
  /(?<=[\p{Emoji}])[\uFE0E\uFE0F]/gu,
  /(?<=\u{1F3F4})[\u{E0020}-\u{E007E}]+\u{E007F}/gu,
  // Persian, and the scripts of South and Southeast Asia.
  /(?<=[\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Myanmar}])[\u200C\u200D](?=[\p{L}\p{M}])/gu,
  /(?<=\p{Script=Han})[\uFE00-\uFE0F\u{E0100}-\u{E01EF}]/gu,
] as const

/** Control characters, fillers, joiners and direction marks, including those that fonts draw as blanks. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u

/**
 * Whether the text contains only visible characters. Invisible ones make different names look equal, and direction
 * marks reorder the text after them.
 */
export const isVisible = (text: string): boolean =>
  VISIBLE.test(text) &&
  !INVISIBLE.test(VISIBLE_JOINERS.reduce((rest, allowed) => rest.replace(allowed, ''), text))
