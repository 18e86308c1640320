/** Messages of 2,000 characters that ask most of a reader: repeated cues, half cues, marks and one endless word. */
export const LONG_MESSAGES: readonly string[] = [
  '나는 항상 슬프지 않아 but i am not happy "라고" ',
  '슬퍼 ',
  '슬퍼',
  'not sad ',
  '항상 실패 ',
  '죽고 싶',
  '죽고 싶지 않 ',
  'i feel so i must ',
  'i wish never happy ',
  'dont ',
  '"a" ',
  "'",
  '. ',
  'a',
  ' ',
  '😭',
].map((piece) => piece.repeat(2000).slice(0, 2000))
