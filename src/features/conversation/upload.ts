import { AppError, type FieldFault, type Language } from '../../protocol/errors.ts'
import { within } from '../../lib/deadline.ts'

export const MAX_AUDIO_BYTES = 10 * 1024 * 1024
/** Slower uploads are aborted. */
const UPLOAD_MS = 10_000

export const UPLOAD_LIMITS = { fileSize: MAX_AUDIO_BYTES, files: 1, fields: 10, fieldSize: 1024, parts: 11 }

export type Recording = { readonly audio: Buffer; readonly mimeType: string }

/** A file of the form, not read yet. */
type FormFile = {
  readonly fieldname: string
  readonly mimetype: string
  readonly file: { readonly truncated: boolean; resume(): unknown }
  toBuffer(): Promise<Buffer>
}
type Upload = {
  readonly isMultipart: () => boolean
  readonly file: () => Promise<FormFile | undefined>
}

const WORDS: Readonly<Record<'missing' | 'empty' | 'other', Readonly<Record<Language, string>>>> = {
  missing: { ko: '음성 파일이 필요합니다.', en: 'a recording is required' },
  empty: { ko: '빈 파일입니다.', en: 'is empty' },
  other: { ko: '음성 파일이 아닙니다.', en: 'is not a recording' },
}

/** Reads the field `audio` of a multipart form into memory, at most 10 MiB. Throws AppError if it is invalid. */
export async function readUpload(upload: Upload, language: Language): Promise<Recording> {
  const createError = (why: keyof typeof WORDS) => {
    const details: FieldFault[] = [{ field: 'audio', message: WORDS[why][language] }]
    return new AppError('VALIDATION_ERROR', { details })
  }
  if (!upload.isMultipart()) throw createError('missing')
  const read = async (): Promise<Recording> => {
    const file = await upload.file()
    if (file === undefined) throw createError('missing')
    if (file.fieldname !== 'audio') {
      file.file.resume()
      throw createError('missing')
    }
    const audio = await file.toBuffer()
    if (file.file.truncated) throw new AppError('BODY_TOO_LARGE') // the multipart parser does not always throw
    if (audio.length === 0) throw createError('empty')
    const mimeType = findAudioType(file.mimetype, audio)
    if (mimeType === undefined) throw createError('other')
    return { audio, mimeType }
  }
  try {
    const recording = await within(read(), UPLOAD_MS)
    if (recording === 'late') throw new AppError('REQUEST_TIMEOUT')
    return recording
  } catch (error) {
    if (error instanceof AppError) throw error
    const tooLarge = error instanceof Error && 'statusCode' in error && error.statusCode === 413
    throw tooLarge ? new AppError('BODY_TOO_LARGE') : new AppError('VALIDATION_ERROR', { cause: error })
  }
}

/** First bytes of each file type. Browsers declare audio in a video container as video. */
const SIGNATURES: readonly (readonly [type: string, offset: number, bytes: string])[] = [
  ['audio/wav', 8, 'WAVE'],
  ['audio/ogg', 0, 'OggS'],
  ['audio/flac', 0, 'fLaC'],
  ['audio/mpeg', 0, 'ID3'],
  ['audio/mpeg', 0, '\xff\xfb'],
  ['audio/webm', 0, '\x1a\x45\xdf\xa3'],
  ['audio/mp4', 4, 'ftyp'],
]

/** The declared type if it is an audio type, else the type by the first bytes; undefined for other files. */
function findAudioType(declared: string, audio: Buffer): string | undefined {
  const [type = ''] = declared.toLowerCase().split(';')
  if (/^audio\/[\w.+-]{1,40}$/.test(type)) return type
  if (type !== 'application/octet-stream' && !type.startsWith('video/')) return undefined
  const head = audio.toString('latin1', 0, 16)
  return SIGNATURES.find(([, offset, bytes]) => head.startsWith(bytes, offset))?.[0]
}
