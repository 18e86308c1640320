/** Frame formats that the landmarks channel accepts, announced to clients of `maeum.v2`. */
export const FRAME_FORMATS = ['json', 'float32.v1', 'int16.v1'] as const
