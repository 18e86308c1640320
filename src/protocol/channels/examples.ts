/** Examples of the longer frames for the documents; each is type-checked against its schema where it is used. */

export const SESSION_ID = 'sess_CUfrvLmX0b6Jt9cKf2sVhLu8ZpNe4dGa'

export const ERROR_EXAMPLE = {
  code: 'INVALID_MESSAGE',
  message: '메시지 형식이 올바르지 않습니다.',
  timestamp: 1_795_410_769_817,
} as const

export const UPDATE_EXAMPLE = {
  emotion: 'happy',
  timestamp: 1_795_410_773_650,
  frameCount: 40,
  sttSnippet: '오늘은 기분이 조금 나아졌어요',
  confidence: 0.9988,
  uncertain: false,
  scores: {
    happy: 0.9988,
    sad: 0.0002,
    angry: 0.0007,
    anxious: 0.0001,
    neutral: 0.0001,
    surprised: 0,
    disgusted: 0,
    fearful: 0.0001,
  },
  valence: 0.8085,
  arousal: 0.5099,
  dominance: 0.4595,
  source: 'local',
  model: 'local-2',
  window: 2,
} as const

export const VOICE_EXAMPLE = {
  timestamp: 1_795_422_442_459,
  window: 1,
  speechRatio: 0.646,
  pauseRatio: 0.327,
  syllablesPerSecond: 7.222,
  energyVariability: 0.112,
  levelVariability: null,
  pauseCount: 2,
  turnCount: 1,
  observedMs: 2787,
  speechMs: 1800,
  silenceMs: 987,
  meanTurnMs: 2787,
  longestTurnMs: 2787,
  meanPauseMs: 456,
  longestPauseMs: 470,
  burstCount: 3,
  meanBurstMs: 625,
  averagePauseDuration: 456,
  longestPause: 470,
  speechBurstCount: 3,
  averageSpeechBurst: 625,
  summary: '2.8초 동안 들은 소리 가운데 65%가 말소리였고, 쉼은 2번, 평균 0.5초였습니다.',
  utteranceCount: 1,
  syllableCount: 13,
  characterCount: 13,
  energyMean: 0.238,
  levelMean: null,
} as const

export const STATUS_EXAMPLE = {
  sessionId: SESSION_ID,
  status: 'active',
  startedAt: 1_795_410_769_650,
  pausedAt: null,
  resumedAt: null,
  endedAt: null,
  duration: 162,
  emotionCount: 0,
  landmarkCount: 0,
} as const

export const GREETING = '연결되었습니다. 이 서비스는 인공지능이 얼굴 표정을 추정합니다.'
