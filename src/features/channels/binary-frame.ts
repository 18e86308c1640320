/** What a server of this version reads on a landmarks socket, as it announces it to clients of the newer protocol. */
export const FRAME_FORMATS = ['json', 'float32.v1', 'int16.v1'] as const
