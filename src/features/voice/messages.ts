import { Buffer } from 'node:buffer'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'

const MAX_STRETCH_MS = 60_000
const MAX_TEXT_LENGTH = 5000

/** The messages of a voice socket. Their fields are in `data` or beside `type`. */
const VadResult = Type.Object(
  {
    timestamp: Type.Number({
      minimum: 0,
      description: 'End of the stretch, by the clock of the client, ms.',
    }),
    isSpeech: Type.Boolean(),
    duration: Type.Number({ minimum: 0, maximum: MAX_STRETCH_MS, description: 'Milliseconds.' }),
    energy: Type.Optional(Type.Number({ minimum: 0, maximum: 1e9 })),
  },
  { description: 'What the voice activity detector of the client found in one stretch of time.' },
)
const SttText = Type.Object(
  { text: Type.String({ maxLength: MAX_TEXT_LENGTH }), isFinal: Type.Optional(Type.Boolean()) },
  { description: 'Words that the client has recognised.' },
)
/** Field names that are accepted for the samples. */
const AUDIO_FIELDS = ['audio', 'chunk', 'samples', 'pcm', 'data'] as const

const Samples = Type.Union([Type.String(), Type.Array(Type.Number())], {
  description:
    '16 kHz, mono: base64 of signed 16-bit little-endian samples, or a list of such numbers or of fractions of full scale.',
})
const AudioChunk = Type.Union(
  AUDIO_FIELDS.map((name) => Type.Object({ [name]: Samples })),
  { description: 'Audio, reduced to level and voicing immediately and never stored.' },
)

/** The messages of the voice channel for the documents, each with its fields and an example. */
export const VOICE_MESSAGES = [
  {
    type: 'vad_result',
    fields: VadResult,
    example: { timestamp: 1_795_422_442_100, isSpeech: true, duration: 100, energy: 0.24 },
  },
  { type: 'stt_text', fields: SttText, example: { text: '오늘은 기분이 조금 나아졌어요' } },
  { type: 'audio_chunk', fields: AudioChunk, example: { audio: 'AAAQABAA8P/w/wAA' } },
] as const

const vadResult = Compile(VadResult)
const sttText = Compile(SttText)
const numbers = Compile(Type.Array(Type.Number()))

export type VoiceMessage =
  | ({ readonly type: 'vad_result' } & Static<typeof VadResult>)
  | ({ readonly type: 'stt_text' } & Static<typeof SttText>)
  | {
      readonly type: 'audio_chunk'
      /** Upper bound of the number of samples, from the length of the text. */
      readonly length: number
      /** Decodes the audio: 16 kHz, mono, signed 16 bit; undefined when it is malformed. */
      readonly decode: () => Int16Array | undefined
    }

type Fields = Readonly<Record<string, unknown>>

/**
 * The message of a client, or undefined when its type is unknown or its shape invalid. `parts` is the number of parts
 * of its JSON text. Audio is not decoded yet, because its length may already exceed the limit.
 */
export function readVoiceMessage(type: string, fields: Fields, parts: number): VoiceMessage | undefined {
  if (type === 'vad_result') return vadResult.Check(fields) ? { type, ...fields } : undefined
  if (type === 'stt_text') return sttText.Check(fields) ? { type, ...fields } : undefined
  if (type !== 'audio_chunk') return undefined
  const sounds = AUDIO_FIELDS.map((name) => fields[name]).filter(isSound)
  const length = sounds.reduce((sum, sound) => sum + lengthOf(sound), 0)
  if (length === 0) return undefined
  const decode = () => sounds.map(readSamples).find((found) => found !== undefined)
  return { type, length: Math.max(length, parts), decode }
}

type Sound = string | readonly unknown[]

const isSound = (value: unknown): value is Sound => typeof value === 'string' || Array.isArray(value)

/** Upper bound of the samples: base64 has four characters per three bytes, a sample has two bytes. */
const lengthOf = (sound: Sound): number =>
  typeof sound === 'string' ? Math.ceil((sound.length * 3) / 8) : sound.length

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** Samples as base64 of little-endian 16-bit numbers, or as a list of such numbers or of fractions of full scale. */
function readSamples(value: Sound): Int16Array | undefined {
  if (typeof value === 'string') {
    if (!BASE64.test(value)) return undefined
    const bytes = Buffer.from(value, 'base64')
    return bytes.length < 2
      ? undefined
      : Int16Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readInt16LE(2 * i))
  }
  if (!numbers.Check(value) || value.length === 0) return undefined
  const scale = value.every((sample) => Math.abs(sample) <= 1) ? 32_767 : 1
  return value.every((sample) => Math.abs(sample) <= 32_768)
    ? Int16Array.from(value, (sample) => Math.max(-32_768, Math.min(32_767, Math.round(sample * scale))))
    : undefined
}
