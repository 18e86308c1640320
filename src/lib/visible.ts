/** What joins or chooses glyphs and is seen by what it does: in emoji, in scripts that join letters, after Han. */
const AT_WORK = [
  // A family of emoji, a heart in colour, a keycap, the flag of a region.
  /(?<=\p{Extended_Pictographic}[\u{1F3FB}-\u{1F3FF}]?\uFE0F?)\u200D(?=\p{Extended_Pictographic})/gu,
  /(?<=[\p{Emoji}])[\uFE0E\uFE0F]/gu,
  /(?<=\u{1F3F4})[\u{E0020}-\u{E007E}]+\u{E007F}/gu,
  // Persian, and the scripts of India and its neighbours.
  /(?<=[\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Myanmar}])[\u200C\u200D](?=[\p{L}\p{M}])/gu,
  /(?<=\p{Script=Han})[\uFE00-\uFE0F\u{E0100}-\u{E01EF}]/gu,
] as const

/** Controls, fillers, joiners and marks of direction, also those that fonts draw as a blank. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u
const SEEN = /[\p{L}\p{N}\p{P}\p{S}]/u

/**
 * Whether everything in the text can be seen: names that differ in what cannot, or are nothing else, are taken for one
 * another, and marks of direction turn what stands behind them.
 */
export const isVisible = (text: string): boolean =>
  SEEN.test(text) && !UNSEEN.test(AT_WORK.reduce((rest, allowed) => rest.replace(allowed, ''), text))
