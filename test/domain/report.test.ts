import t from 'tap'
import { EMOTION_VAD, type Emotion } from '../../src/domain/emotion.ts'
import { LANGUAGES, type Language } from '../../src/domain/language.ts'
import type { ReportedFinding } from '../../src/domain/report/findings.ts'
import { RECOMMENDATIONS, SENTENCES } from '../../src/domain/report/words.ts'
import {
  buildReport,
  formatDuration,
  translateReport,
  type ReportedRows,
  type ReportedSession,
  type ReportedWindow,
  toSummary,
  addTimelines,
} from '../../src/domain/report.ts'

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
  offered: false,
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
  windowOf(7, 'happy', 0.9, [0.7, 0.4, 0.5], { offered: true }),
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

const reportOf = (
  windows: readonly ReportedWindow[],
  language: Language = 'ko',
  rows: Partial<ReportedRows> = {},
  session: Omit<ReportedSession, 'language'> = SESSION,
) => buildReport({ ...session, language }, { windows, voice: [], findings: [], conversations: 0, ...rows })

const detection = (type: 'catastrophising' | 'labelling', name_ko: string, name_en: string) => ({
  type,
  name_ko,
  name_en,
  severity: 'medium' as const,
  confidence: 0.7,
  examples: ['cue'],
})
const CATASTROPHE = detection('catastrophising', '파국화', 'Catastrophising')
const LABEL = detection('labelling', '낙인찍기', 'Labelling')
const EXERCISE = {
  distortionType: 'labelling',
  distortionName: '낙인찍기',
  severity: 'medium',
  urgency: 'soon',
  questions: ['?'],
  tasks: [{ title: 'a', description: 'b', difficulty: 'easy', duration: '10분' }],
} as const
const found = (seconds: number, more: Partial<ReportedFinding>): ReportedFinding => ({
  at: STARTED_AT + seconds * 1000,
  detections: [],
  intervention: null,
  isCrisis: false,
  ...more,
})

t.test('every number of a report, counted by hand', (t) => {
  const report = reportOf(WINDOWS, 'ko', {
    voice: [{ speechRatio: 0.5, pauses: 4 }, { speechRatio: 0.25 }, { speechRatio: 0.1, pauses: 1 }],
    findings: [found(12, { detections: [CATASTROPHE] }), found(30, { detections: [LABEL, CATASTROPHE] })],
    conversations: 5,
  })
  t.same(report.metadata, {
    sessionId: 'sess_of_the_test',
    userId: 'user-1',
    counselorId: 7,
    status: 'ended',
    language: 'ko',
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
      { emotion: 'neutral', emotionKo: '중립', count: 1, percentage: 14.3 },
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
  t.same(report.analysis.cbtSummary, {
    totalDistortions: 3,
    mostCommon: 'catastrophising',
    distortions: [
      { type: 'catastrophising', name_ko: '파국화', name_en: 'Catastrophising', count: 2 },
      { type: 'labelling', name_ko: '낙인찍기', name_en: 'Labelling', count: 1 },
    ],
  })
  t.equal(report.cbtFindings.length, 2)
  t.same(report.statistics, {
    windows: 7,
    uncertainWindows: 2,
    averageConfidence: 0.6857, // 4.8 / 7
    framesAnalysed: 215, // 5 x 40 + 12 + 3
    voiceWindows: 3,
    averageVoiceMetrics: { pauses: 2.5, speechRatio: 0.2833 }, // 5 / 2, 0.85 / 3
    conversations: 5,
    interventionsOffered: 1,
    crisisFindings: 0,
  })
  t.same(report.provenance, {
    analyzerVersion: 'local-1, local-2',
    models: ['gemini-a', 'gemini-b', 'local-1', 'local-2'],
    windows: { total: 7, gemini: 3, local: 4 },
  })
  t.end()
})

t.test('the timelines name each window once, at its close', (t) => {
  const report = reportOf(WINDOWS, 'ko')
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
  const korean = reportOf(WINDOWS, 'ko')
  t.same(korean.analysis.overallAssessment, {
    keyObservations: [
      '가장 자주 보인 표정은 행복입니다 (28.6%).',
      '후반으로 갈수록 표정이 밝아지는 흐름을 보였습니다.',
      '판단이 불확실한 구간이 29% 있었습니다.', // 2 of 7
    ],
    emotionalState: 'mixed',
    disclaimer:
      '이 보고서는 인공지능이 겉으로 드러난 얼굴 표정과 표현을 추정하여 자동으로 생성한 것입니다. 실제 감정이나 마음 상태와 다를 수 있으며, 의학적·심리학적 진단이 아닙니다.',
    forCounsellor: { isFlagged: false, crisisCount: 0, note: null },
  })
  t.match(korean.analysis.recommendations, [
    { priority: 'medium', category: 'conversation', title: '변화의 순간', description: String },
  ])
  const english = reportOf(WINDOWS, 'en')
  t.same(english.analysis.overallAssessment, {
    keyObservations: [
      'The most frequent expression was happiness (28.6%).',
      'Expressions became more positive towards the end.',
      'The result was uncertain in 29% of the windows.',
    ],
    emotionalState: 'mixed',
    disclaimer:
      'This report was generated automatically by an artificial intelligence that estimates apparent facial expressions and wording. It may differ from actual feelings or states of mind. It is not a medical or psychological diagnosis.',
    forCounsellor: { isFlagged: false, crisisCount: 0, note: null },
  })
  t.match(english.analysis.recommendations, [{ title: 'Moments of change' }])
  const numbers = ({ analysis, metadata, ...rest }: typeof korean) => ({
    ...rest,
    metadata: { ...metadata, language: 'any' },
    analysis: [analysis.emotionSummary, analysis.vadSummary, analysis.vadVector],
  })
  t.same(numbers(korean), numbers(english), 'the language changes no number')
  t.same(translateReport(korean, 'en'), english, 'and can be changed afterwards')
  t.same(translateReport(english, 'ko'), korean)
  t.end()
})

t.test('the course of a session: brighter, darker or the same', (t) => {
  const course = (valences: readonly number[]) =>
    reportOf(
      valences.map((valence, i) => windowOf(i + 1, 'neutral', 0.9, [valence, 0, 0])),
      'en',
    )
  for (const [valences, trend, sentence] of [
    [[0, 0, 0.16], 'improving', 'Expressions became more positive towards the end.'],
    [[0.16, 0, 0], 'declining', 'Expressions became more negative towards the end.'],
    [[0, 0.9, 0.15], 'stable', 'Expressions remained stable throughout.'],
    [[0.5], 'stable', 'Expressions remained stable throughout.'],
    [[-0.5, 0.5], 'improving', 'Expressions became more positive towards the end.'],
    // Thirds of 8 are 2 windows: what lies between says nothing.
    [[0, 0, 1, 1, 1, 1, 0, 0], 'stable', 'Expressions remained stable throughout.'],
  ] as const) {
    const { analysis } = course(valences)
    t.equal(analysis.emotionSummary?.trend.trend, trend, valences.join(' '))
    t.same(analysis.overallAssessment.keyObservations, [
      'The most frequent expression was neutral (100%).',
      sentence,
    ])
  }
  t.end()
})

t.test('the state of a session by the shares of its expressions', (t) => {
  const stateOf = (...emotions: Emotion[]) =>
    reportOf(
      emotions.map((emotion, i) => windowOf(i + 1, emotion, 0.9, EMOTION_VAD[emotion])),
      'en',
    )
  for (const [emotions, state, title] of [
    [['happy', 'neutral'], 'positive', 'Moments of ease'],
    [['fearful', 'anxious', 'happy'], 'negative', 'Difficult moments'],
    [['disgusted', 'happy'], 'mixed', 'Moments of change'],
    [['happy', 'neutral', 'neutral'], 'mixed', 'Moments of change'],
    [['neutral', 'surprised'], 'calm', 'A calm session'],
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
  const { analysis, statistics } = reportOf(windows, 'en')
  t.equal(analysis.overallAssessment.keyObservations.length, 2)
  t.equal(statistics.uncertainWindows, 1)
  t.end()
})

t.test('a session of which nothing was analysed has no numbers, and says so', (t) => {
  const session = { ...SESSION, labels: {}, endedAt: STARTED_AT }
  const report = reportOf([], 'ko', {}, session)
  t.match(report.metadata, { duration: 0, durationFormatted: '0:00' })
  t.notOk('userId' in report.metadata)
  t.match(report.analysis, {
    emotionSummary: null,
    vadSummary: null,
    vadVector: null,
    overallAssessment: { keyObservations: ['분석된 구간이 없습니다.'], emotionalState: null },
    recommendations: [],
  })
  t.same([report.emotionTimeline, report.vadTimeline, report.cbtFindings], [[], [], []])
  t.match(report.statistics, {
    windows: 0,
    uncertainWindows: 0,
    averageConfidence: 0,
    framesAnalysed: 0,
    averageVoiceMetrics: null,
  })
  t.same(report.provenance, { analyzerVersion: '', models: [], windows: { total: 0, gemini: 0, local: 0 } })
  t.same(reportOf([], 'en', {}, session).analysis.overallAssessment.keyObservations, [
    'No window was analysed.',
  ])
  t.match(toSummary(report), {
    vadVector: null,
    dominantEmotion: null,
    keyObservations: ['분석된 구간이 없습니다.'],
  })
  t.end()
})

t.test('a report that was stored with zeros for nothing is read as one without a mean', (t) => {
  const { emotionTimeline, vadTimeline, ...made } = reportOf([], 'ko')
  const stored = {
    ...made,
    analysis: { ...made.analysis, vadVector: { valence: 0, arousal: 0, dominance: 0 } },
  }
  t.same([emotionTimeline, vadTimeline], [[], []])
  t.equal(toSummary(stored).vadVector, null)
  t.equal(addTimelines(stored, []).analysis.vadVector, null)
  t.end()
})

t.test('the summary repeats the report in short', (t) => {
  const summary = toSummary(reportOf(WINDOWS, 'ko'))
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
  const text = () => JSON.stringify(reportOf(structuredClone(WINDOWS)))
  t.equal(text(), text())
  const frozen = Object.freeze(WINDOWS.map((window) => Object.freeze({ ...window })))
  t.equal(JSON.stringify(reportOf(frozen)), text(), 'and are not changed by it')
  t.end()
})

t.test('turns of thought, as clients read them', (t) => {
  const findings = [
    found(12, { detections: [LABEL], intervention: EXERCISE }),
    found(20, { detections: [CATASTROPHE] }),
    found(30, {}),
  ]
  const { cbtFindings, analysis } = reportOf(WINDOWS, 'ko', { findings })
  t.same(cbtFindings, [
    {
      timestamp: STARTED_AT + 12_000,
      hasDistortions: true,
      needsIntervention: true,
      detections: [LABEL],
      intervention: EXERCISE,
    },
    {
      timestamp: STARTED_AT + 20_000,
      hasDistortions: true,
      needsIntervention: false,
      detections: [CATASTROPHE],
    },
  ])
  t.equal(analysis.cbtSummary.mostCommon, 'labelling', 'on a tie, the one noticed first')
  t.match(analysis.overallAssessment.keyObservations.at(-1), /2번.*낙인찍기/)
  t.same(
    analysis.recommendations.map(({ category }) => category),
    ['conversation', 'thought'],
  )
  const english = reportOf(WINDOWS, 'en', { findings: findings.slice(0, 1) })
  t.match(english.analysis.overallAssessment.keyObservations.at(-1), /found once, most often 'Labelling'/)
  t.end()
})

t.test('words of self-harm are flagged and met with no exercise', (t) => {
  const findings = [
    found(12, { detections: [LABEL], intervention: EXERCISE, isCrisis: true }),
    found(20, { isCrisis: true }),
  ]
  const uncertain = WINDOWS.map((window) => ({ ...window, uncertain: true }))
  for (const language of LANGUAGES) {
    const { analysis, cbtFindings, statistics } = reportOf(uncertain, language, { findings })
    const { forCounsellor, keyObservations } = analysis.overallAssessment
    t.same(forCounsellor, {
      isFlagged: true,
      crisisCount: 2,
      note: SENTENCES.forCounsellor[language](2),
    })
    t.equal(keyObservations[0], SENTENCES.crisis[language](), 'before everything else')
    t.same(
      analysis.recommendations.map(({ category, priority }) => `${priority} ${category}`),
      ['high safety', 'medium conversation', 'low setting'],
    )
    t.equal(statistics.crisisFindings, 2)
    t.same(
      cbtFindings.map((finding) => [finding.needsIntervention, 'intervention' in finding]),
      [[false, false]],
    )
  }
  t.end()
})

t.test('measures of a voice: each over the windows that have it', (t) => {
  const of = (...voice: Record<string, number>[]) => reportOf([], 'ko', { voice }).statistics
  t.equal(of().averageVoiceMetrics, null)
  t.same(of({}, {}).averageVoiceMetrics, null)
  t.same(of({ b: 1, a: -0.00001 }, { a: Number.NaN, b: 2 }, {}).averageVoiceMetrics, { a: 0, b: 1.5 })
  t.equal(of({}, {}).voiceWindows, 2)
  t.end()
})

t.test('every sentence exists in every language, and in no other', (t) => {
  const texts = [
    ...Object.entries(SENTENCES).flatMap(([key, words]) =>
      LANGUAGES.map((language) => {
        const say = words[language] as (...args: unknown[]) => string // each says something of any arguments
        return { key, language, text: say(2, 2) }
      }),
    ),
    ...Object.entries(RECOMMENDATIONS).flatMap(([key, advice]) =>
      LANGUAGES.flatMap((language) => advice[language].map((text) => ({ key, language, text }))),
    ),
  ]
  for (const { key, language, text } of texts) {
    const hasHangul = /\p{Script=Hangul}/u.test(text)
    t.ok(text.length > 3 && hasHangul === (language === 'ko'), `${key} in ${language}: ${text}`)
    t.notMatch(
      text,
      /undefined|환자|patient|증상|symptom|disorder|장애/,
      `${key} names no patient and no illness`,
    )
  }
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
