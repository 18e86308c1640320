import t from 'tap'
import { EMOTION_VAD, type Emotion } from '../../src/domain/emotion.ts'
import { buildReport, formatDuration, type ReportedWindow, toSummary } from '../../src/domain/report.ts'

const STARTED_AT = 1_700_000_000_000
const INTERVAL_MS = 10_000

/** Window `number` of a session that began at `STARTED_AT`; by the local analyser unless the test says otherwise. */
const windowOf = (
  number: number,
  emotion: Emotion,
  confidence: number,
  vad: readonly [number, number, number],
  more: Partial<ReportedWindow> = {},
): ReportedWindow => ({
  window: number,
  closedAt: STARTED_AT + number * INTERVAL_MS,
  emotion,
  confidence,
  uncertain: false,
  valence: vad[0],
  arousal: vad[1],
  dominance: vad[2],
  source: 'local',
  model: 'local-1',
  analyserVersion: 'local-1',
  frameCount: 40,
  ...more,
})

const GEMINI = { source: 'gemini', model: 'gemini-a' } as const

/** Seven windows in three thirds of two (beginning 1-2, middle 3-4, end 7-8); number 5 had no face. */
const WINDOWS: readonly ReportedWindow[] = [
  windowOf(1, 'sad', 0.9, [-0.6, -0.2, -0.3], GEMINI),
  windowOf(2, 'sad', 0.7, [-0.4, 0, -0.1], { frameCount: 12 }),
  windowOf(3, 'angry', 0.5, [-0.5, 0.6, 0.2], { uncertain: true, frameCount: 3 }),
  windowOf(4, 'neutral', 0.6, [0, 0, 0], GEMINI),
  windowOf(6, 'happy', 0.8, [0.8, 0.5, 0.4], { ...GEMINI, model: 'gemini-b' }),
  windowOf(7, 'happy', 0.9, [0.7, 0.4, 0.5]),
  windowOf(8, 'surprised', 0.4, [0.3, 0.8, -0.2], {
    uncertain: true,
    analyserVersion: 'local-2',
    model: 'local-2',
  }),
]

const SESSION = {
  sessionId: 'sess_of_the_test',
  labels: { userId: 'user-1', counselorId: 7 },
  startedAt: STARTED_AT,
  endedAt: STARTED_AT + 83_456,
}

t.test('every number of a report, counted by hand', (t) => {
  const report = buildReport(SESSION, WINDOWS, 'ko')
  t.same(report.metadata, {
    sessionId: 'sess_of_the_test',
    userId: 'user-1',
    counselorId: 7,
    status: 'ended',
    startedAt: STARTED_AT,
    endedAt: STARTED_AT + 83_456,
    duration: 83_456,
    durationFormatted: '1:23',
  })
  t.same(report.analysis.emotionSummary, {
    // Two sad and two happy windows: happy was seen with more confidence in all (1.7 against 1.6).
    primaryEmotion: { emotion: 'happy', emotionKo: '행복', count: 2, percentage: 28.6 },
    emotionalState: 'mixed',
    // 7 windows, thirds of 2: valence from (-0.6 - 0.4) / 2 = -0.5 to (0.7 + 0.3) / 2 = 0.5.
    trend: { beginning: 'sad', middle: 'neutral', end: 'happy', trend: 'improving' },
    positiveRatio: 0.2857,
    negativeRatio: 0.4286,
    topEmotions: [
      { emotion: 'happy', emotionKo: '행복', count: 2, percentage: 28.6 },
      { emotion: 'sad', emotionKo: '슬픔', count: 2, percentage: 28.6 },
      { emotion: 'neutral', emotionKo: '평온', count: 1, percentage: 14.3 },
    ],
    // The mean arousal 2.1 / 7 = 0.3, as a share of [-1, 1].
    averageIntensity: 0.65,
  })
  t.same(report.analysis.vadSummary, {
    valence: { average: 0.0429, minimum: -0.6, maximum: 0.8 },
    arousal: { average: 0.3, minimum: -0.2, maximum: 0.8 },
    dominance: { average: 0.0714, minimum: -0.3, maximum: 0.5 },
  })
  t.same(report.analysis.vadVector, { valence: 0.0429, arousal: 0.3, dominance: 0.0714 })
  t.same(report.analysis.cbtSummary, { totalDistortions: 0, mostCommon: null })
  t.same(report.cbtFindings, [])
  t.same(report.statistics, {
    windows: 7,
    uncertainWindows: 2,
    averageConfidence: 0.6857,
    framesAnalysed: 215,
  })
  t.same(report.provenance, {
    analyzerVersion: 'local-1, local-2',
    models: ['gemini-a', 'gemini-b', 'local-1', 'local-2'],
    windows: { total: 7, gemini: 3, local: 4 },
  })
  t.end()
})

t.test('the timelines name each window once, at its close', (t) => {
  const report = buildReport(SESSION, WINDOWS, 'ko')
  t.same(
    report.emotionTimeline.map(({ window }) => window),
    [1, 2, 3, 4, 6, 7, 8],
  )
  t.same(report.emotionTimeline[4], {
    window: 6,
    timestamp: STARTED_AT + 60_000,
    relativeTime: 60_000,
    emotion: 'happy',
    confidence: 0.8,
    uncertain: false,
    source: 'gemini',
    frameCount: 40,
  })
  t.equal(report.vadTimeline.length, 7)
  t.same(report.vadTimeline[2], {
    timestamp: STARTED_AT + 30_000,
    valence: -0.5,
    arousal: 0.6,
    dominance: 0.2,
  })
  t.end()
})

t.test('what is said of it, in both languages', (t) => {
  const korean = buildReport(SESSION, WINDOWS, 'ko')
  t.same(korean.analysis.overallAssessment, {
    keyObservations: [
      '가장 자주 보인 표정은 행복입니다 (28.6%).',
      '후반으로 갈수록 표정이 밝아지는 흐름을 보였습니다.',
      '판단이 불확실한 구간이 29% 있었습니다.', // 2 of 7
    ],
    emotionalState: 'mixed',
    disclaimer: '이 보고서는 인공지능이 얼굴 표정을 추정한 결과이며 진단이 아닙니다.',
  })
  t.match(korean.analysis.recommendations, [
    { priority: 'medium', category: 'conversation', title: '변화의 순간', description: String },
  ])
  const english = buildReport(SESSION, WINDOWS, 'en')
  t.same(english.analysis.overallAssessment, {
    keyObservations: [
      'The expression seen most often was happiness (28.6%).',
      'Expressions became brighter towards the end.',
      '29% of the windows were read with uncertainty.',
    ],
    emotionalState: 'mixed',
    disclaimer:
      'This report is an estimate of facial expression made by an artificial intelligence. It is no diagnosis.',
  })
  t.match(english.analysis.recommendations, [{ title: 'Moments of change' }])
  const numbers = ({ analysis, ...rest }: typeof korean) => ({
    ...rest,
    analysis: [analysis.emotionSummary, analysis.vadSummary, analysis.vadVector],
  })
  t.same(numbers(korean), numbers(english), 'the language changes no number')
  t.end()
})

t.test('the course of a session: brighter, darker or the same', (t) => {
  const course = (valences: readonly number[]) =>
    buildReport(
      SESSION,
      valences.map((valence, i) => windowOf(i + 1, 'neutral', 0.9, [valence, 0, 0])),
      'en',
    )
  for (const [valences, trend, sentence] of [
    [[0, 0, 0.16], 'improving', 'Expressions became brighter towards the end.'],
    [[0.16, 0, 0], 'declining', 'Expressions became darker towards the end.'],
    [[0, 0.9, 0.15], 'stable', 'Expressions stayed much the same throughout.'],
    [[0.5], 'stable', 'Expressions stayed much the same throughout.'],
    [[-0.5, 0.5], 'improving', 'Expressions became brighter towards the end.'],
    // Thirds of 8 are 2 windows: what lies between says nothing.
    [[0, 0, 1, 1, 1, 1, 0, 0], 'stable', 'Expressions stayed much the same throughout.'],
  ] as const) {
    const { analysis } = course(valences)
    t.equal(analysis.emotionSummary?.trend.trend, trend, valences.join(' '))
    t.same(analysis.overallAssessment.keyObservations, [
      'The expression seen most often was neutral (100%).',
      sentence,
    ])
  }
  t.end()
})

t.test('the state of a session by the shares of its expressions', (t) => {
  const stateOf = (...emotions: Emotion[]) =>
    buildReport(
      SESSION,
      emotions.map((emotion, i) => windowOf(i + 1, emotion, 0.9, EMOTION_VAD[emotion])),
      'en',
    )
  for (const [emotions, state, title] of [
    [['happy', 'neutral'], 'positive', 'Moments of ease'],
    [['fearful', 'anxious', 'happy'], 'negative', 'Difficult moments'],
    [['disgusted', 'happy'], 'mixed', 'Moments of change'],
    [['happy', 'neutral', 'neutral'], 'mixed', 'Moments of change'],
    [['neutral', 'surprised'], 'calm', 'A calm course'],
  ] as const) {
    const { analysis } = stateOf(...emotions)
    t.equal(analysis.emotionSummary?.emotionalState, state, emotions.join(' '))
    t.equal(analysis.overallAssessment.emotionalState, state)
    t.same(
      analysis.recommendations.map((recommendation) => recommendation.title),
      [title],
    )
  }
  t.end()
})

t.test('a share of uncertainty that rounds to nothing is not mentioned', (t) => {
  const windows = Array.from({ length: 201 }, (_, i) =>
    windowOf(i + 1, 'neutral', 0.9, [0, 0, 0], { uncertain: i === 0 }),
  )
  const { analysis, statistics } = buildReport(SESSION, windows, 'en')
  t.equal(analysis.overallAssessment.keyObservations.length, 2)
  t.equal(statistics.uncertainWindows, 1)
  t.end()
})

t.test('a session of which nothing was analysed has no numbers, and says so', (t) => {
  const session = { ...SESSION, labels: {}, endedAt: STARTED_AT }
  const report = buildReport(session, [], 'ko')
  t.match(report.metadata, { duration: 0, durationFormatted: '0:00' })
  t.notOk('userId' in report.metadata)
  t.match(report.analysis, {
    emotionSummary: null,
    vadSummary: null,
    vadVector: { valence: 0, arousal: 0, dominance: 0 },
    overallAssessment: { keyObservations: ['분석된 구간이 없습니다.'], emotionalState: null },
    recommendations: [],
  })
  t.same([report.emotionTimeline, report.vadTimeline, report.cbtFindings], [[], [], []])
  t.same(report.statistics, { windows: 0, uncertainWindows: 0, averageConfidence: 0, framesAnalysed: 0 })
  t.same(report.provenance, { analyzerVersion: '', models: [], windows: { total: 0, gemini: 0, local: 0 } })
  t.same(buildReport(session, [], 'en').analysis.overallAssessment.keyObservations, [
    'No window was analysed.',
  ])
  t.match(toSummary(report), { dominantEmotion: null, keyObservations: ['분석된 구간이 없습니다.'] })
  t.end()
})

t.test('the summary repeats the report in short', (t) => {
  const summary = toSummary(buildReport(SESSION, WINDOWS, 'ko'))
  t.same(summary, {
    sessionId: 'sess_of_the_test',
    status: 'ended',
    startedAt: STARTED_AT,
    endedAt: STARTED_AT + 83_456,
    duration: 83_456,
    vadVector: { valence: 0.0429, arousal: 0.3, dominance: 0.0714 },
    keyObservations: [
      '가장 자주 보인 표정은 행복입니다 (28.6%).',
      '후반으로 갈수록 표정이 밝아지는 흐름을 보였습니다.',
      '판단이 불확실한 구간이 29% 있었습니다.',
    ],
    dominantEmotion: { emotion: 'happy', count: 2, percentage: 28.6 },
    averageVoiceMetrics: null,
    cbt: { totalDistortions: 0, mostCommon: null },
    recommendations: ['표정이 바뀐 때에 무슨 일이 있었는지 함께 살펴보세요.'],
  })
  t.end()
})

t.test('the same windows give the same report to the letter', (t) => {
  const text = () => JSON.stringify(buildReport(SESSION, structuredClone(WINDOWS), 'ko'))
  t.equal(text(), text())
  const frozen = Object.freeze(WINDOWS.map((window) => Object.freeze({ ...window })))
  t.equal(JSON.stringify(buildReport(SESSION, frozen, 'ko')), text(), 'and are not changed by it')
  t.end()
})

t.test('durations', (t) => {
  for (const [ms, text] of [
    [0, '0:00'],
    [999, '0:00'],
    [1000, '0:01'],
    [59_999, '0:59'],
    [60_000, '1:00'],
    [754_000, '12:34'],
    [3_599_999, '59:59'],
    [3_600_000, '1:00:00'],
    [3_723_000, '1:02:03'],
    [90_000_000, '25:00:00'],
  ] as const) {
    t.equal(formatDuration(ms), text)
  }
  t.end()
})
