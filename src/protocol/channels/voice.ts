import { Type } from 'typebox'
import { Count, Nullable, Time } from '../common-schemas.ts'
import { EVERY_CHANNEL, connectedFields } from './every-channel.ts'
import { GREETING, SESSION_ID, VOICE_EXAMPLE } from './examples.ts'
import { frame, Milliseconds } from './frame.ts'

const Share = Type.Number({ minimum: 0, maximum: 0.999 })

export const VoiceConnected = frame(
  'connected',
  'The first message on the voice channel.',
  Type.Object({ channel: Type.Literal('voice'), ...connectedFields }),
  { channel: 'voice', sessionId: SESSION_ID, message: GREETING },
)
export const VadAnalysis = frame(
  'vad_analysis',
  'Voice measures, at the close of each window in which voice activity was observed. Text alone is not measured.',
  Type.Object({
    timestamp: Time,
    window: Count,
    observedMs: Milliseconds,
    speechMs: Milliseconds,
    silenceMs: Milliseconds,
    speechRatio: Share,
    pauseRatio: Share,
    turnCount: Count,
    meanTurnMs: Milliseconds,
    longestTurnMs: Milliseconds,
    pauseCount: Count,
    meanPauseMs: Milliseconds,
    longestPauseMs: Milliseconds,
    burstCount: Count,
    meanBurstMs: Milliseconds,
    utteranceCount: Count,
    syllableCount: Count,
    characterCount: Count,
    syllablesPerSecond: Nullable(Type.Number({ description: 'Syllables per second of speech.' })),
    energyMean: Nullable(Type.Number({ description: 'In the unit that the client uses.' })),
    energyVariability: Nullable(Type.Number()),
    levelMean: Nullable(Type.Number({ description: 'dB below full scale.' })),
    levelVariability: Nullable(Type.Number({ description: 'dB.' })),
    averagePauseDuration: Type.Integer({ minimum: 0, description: 'Same as `meanPauseMs`.' }),
    longestPause: Type.Integer({ minimum: 0, description: 'Same as `longestPauseMs`.' }),
    speechBurstCount: Type.Integer({ minimum: 0, description: 'Same as `burstCount`.' }),
    averageSpeechBurst: Type.Integer({ minimum: 0, description: 'Same as `meanBurstMs`.' }),
    summary: Type.String({ description: 'One sentence in the language of the session.' }),
  }),
  VOICE_EXAMPLE,
)
export const SttReceived = frame(
  'stt_received',
  'The text was received.',
  Type.Object({ timestamp: Time, text: Type.String(), textLength: Count }),
  { timestamp: 1_795_422_442_105, text: '오늘은 기분이 조금 나아졌어요', textLength: 16 },
)

export const VOICE_FRAMES = [VoiceConnected, VadAnalysis, SttReceived, ...EVERY_CHANNEL] as const
