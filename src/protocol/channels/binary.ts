/** One field of a binary landmarks frame. */
export type BinaryField = {
  readonly byte: number
  readonly size: number | null
  readonly type: string
  readonly field: string
}

/** Layout of the binary frame of `float32.v1` and `int16.v1`; numbers are little-endian. */
export const BINARY_FRAME: readonly BinaryField[] = [
  { byte: 0, size: 1, type: 'uint8', field: 'version: 1' },
  {
    byte: 1,
    size: 1,
    type: 'uint8',
    field: 'flags: bit 0 set = points are int16, clear = float32; the other bits are 0',
  },
  { byte: 2, size: 2, type: 'uint16', field: 'number of points: 468 or 478' },
  {
    byte: 4,
    size: 2,
    type: 'uint16',
    field: "width of the camera's image in pixels, at most 16,384; 0 = not known",
  },
  { byte: 6, size: 2, type: 'uint16', field: 'height likewise; both are known or neither' },
  { byte: 8, size: 8, type: 'uint64', field: 'timestamp: milliseconds since the epoch, below 2^53' },
  { byte: 16, size: 8, type: 'uint64', field: 'frame number, below 2^53; 0 = not numbered' },
  {
    byte: 24,
    size: null,
    type: '',
    field: 'x, y, z of point 0, of point 1, … without gaps, to the end of the message',
  },
]

/** Renders the layout as a Markdown table. */
export const renderBinaryFrameTable = (): string =>
  [
    '| Byte | Size | Type | Field |',
    '|---|---|---|---|',
    ...BINARY_FRAME.map(({ byte, size, type, field }) => {
      const cells = [byte, size ?? '', type, field].map((cell) => (cell === '' ? ' ' : ` ${cell} `))
      return `|${cells.join('|')}|`
    }),
  ].join('\n')
