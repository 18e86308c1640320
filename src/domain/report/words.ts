import { EMOTION_NAMES } from '../emotion.ts'
import type { Language } from '../language.ts'
import type { EmotionSummary } from '../summary.ts'
import type { CbtSummary } from './findings.ts'

/** The numbers that the sentences are built from. */
type ReportFigures = {
  readonly emotionSummary: EmotionSummary | null
  readonly cbtSummary: CbtSummary
  readonly windows: number
  readonly uncertainWindows: number
  /** Number of messages that mention self-harm. */
  readonly crises: number
}

type Recommendation = {
  readonly priority: 'high' | 'medium' | 'low'
  readonly category: 'safety' | 'conversation' | 'thought' | 'setting'
  readonly title: string
  readonly description: string
}

type Sentence<Args extends readonly (string | number)[]> = Readonly<
  Record<Language, (...args: Args) => string>
>
type Advice = Readonly<Record<Language, readonly [title: string, description: string]>>

/** Every sentence of a report. They describe apparent expressions and wording, never a state of the person. */
export const SENTENCES = {
  nothing: {
    ko: () => '분석된 구간이 없습니다.',
    en: () => 'No window was analysed.',
  },
  primary: {
    ko: (name, share) => `가장 자주 보인 표정은 ${name}입니다 (${share}%).`,
    en: (name, share) => `The most frequent expression was ${name} (${share}%).`,
  } satisfies Sentence<[name: string, share: number]>,
  improving: {
    ko: () => '후반으로 갈수록 표정이 밝아지는 흐름을 보였습니다.',
    en: () => 'Expressions became more positive towards the end.',
  },
  declining: {
    ko: () => '후반으로 갈수록 표정이 어두워지는 흐름을 보였습니다.',
    en: () => 'Expressions became more negative towards the end.',
  },
  stable: {
    ko: () => '표정이 전반적으로 일정했습니다.',
    en: () => 'Expressions remained stable throughout.',
  },
  uncertain: {
    ko: (share) => `판단이 불확실한 구간이 ${share}% 있었습니다.`,
    en: (share) => `The result was uncertain in ${share}% of the windows.`,
  } satisfies Sentence<[share: number]>,
  distortions: {
    ko: (count, name) =>
      `한쪽으로 치우친 생각을 나타내는 표현이 ${count}번 있었고, 가장 많았던 것은 '${name}'입니다.`,
    en: (count, name) =>
      `Wording that suggests one-sided thinking was found ${count === 1 ? 'once' : `${count} times`}, most often '${name}'.`,
  } satisfies Sentence<[count: number, name: string]>,
  crisis: {
    ko: () => '자해나 죽음을 연상시키는 말이 있었습니다. 먼저 안전을 확인해 주세요.',
    en: () => 'Words that suggest self-harm or death were found. Please check on safety first.',
  },
  forCounsellor: {
    ko: (count) =>
      `자해나 죽음을 연상시키는 말이 ${count}번 있었습니다. 자동으로 탐지한 결과이므로 맥락을 직접 확인해 주세요.`,
    en: (count) =>
      `Words that suggest self-harm or death were found ${count === 1 ? 'once' : `${count} times`}. They were detected automatically; please check the context yourself.`,
  } satisfies Sentence<[count: number]>,
  /** Required by EU Regulation 2024/1689, Art. 50(3), and the Korean AI Basic Act, Art. 31. */
  disclaimer: {
    ko: () =>
      '이 보고서는 인공지능이 겉으로 드러난 얼굴 표정과 표현을 추정하여 자동으로 생성한 것입니다. 실제 감정이나 마음 상태와 다를 수 있으며, 의학적·심리학적 진단이 아닙니다.',
    en: () =>
      'This report was generated automatically by an artificial intelligence that estimates apparent facial expressions and wording. It may differ from actual feelings or states of mind. It is not a medical or psychological diagnosis.',
  },
} as const satisfies Record<string, Sentence<never>>

export const RECOMMENDATIONS = {
  safety: {
    ko: [
      '안전 확인',
      '지금 안전한지 먼저 확인하고, 필요하면 바로 상담 전화나 응급 서비스의 도움을 받으세요.',
    ],
    en: [
      'Safety first',
      'First check that the situation is safe now; call a crisis line or the emergency services if needed.',
    ],
  },
  positive: {
    ko: ['편안했던 순간', '밝은 표정이 많았던 때에 무엇을 하고 있었는지 이야기해 보세요.'],
    en: ['Moments of ease', 'Talk about what was happening when the expressions were bright.'],
  },
  negative: {
    ko: ['어려웠던 순간', '표정이 무거워 보였던 때에 어떤 생각이 들었는지 이야기해 보세요.'],
    en: ['Difficult moments', 'Talk about what came to mind when the expressions looked heavy.'],
  },
  mixed: {
    ko: ['변화의 순간', '표정이 바뀐 때에 무슨 일이 있었는지 함께 살펴보세요.'],
    en: ['Moments of change', 'Look together at what happened when the expressions changed.'],
  },
  calm: {
    ko: ['차분한 흐름', '차분해 보인 표정이 실제 느낌과 같았는지 확인해 보세요.'],
    en: ['A calm session', 'Check whether the calm expressions match what was actually felt.'],
  },
  thought: {
    ko: [
      '생각 다시 보기',
      '눈에 띄는 생각 하나를 골라, 이를 뒷받침하는 근거와 반대되는 근거를 나란히 적어 보세요.',
    ],
    en: [
      'A second look',
      'Choose one thought that stands out and write down the evidence for and against it side by side.',
    ],
  },
  setting: {
    ko: [
      '촬영 환경',
      '얼굴에 빛이 고르게 비치도록 조명과 카메라 위치를 조절하면 더 확실하게 분석할 수 있습니다.',
    ],
    en: [
      'Lighting and camera',
      'Even light on the face and a camera at eye level make the analysis more reliable.',
    ],
  },
} as const satisfies Record<string, Advice>

const MAX_RECOMMENDATIONS = 3
/** Share of uncertain windows from which lighting and camera are mentioned. */
const MIN_UNCERTAIN_SHARE = 0.5

function buildKeyObservations(figures: ReportFigures, language: Language): string[] {
  const { emotionSummary, cbtSummary, windows, uncertainWindows, crises } = figures
  const [mostFrequent] = cbtSummary.distortions
  const uncertain = windows === 0 ? 0 : Math.round((uncertainWindows / windows) * 100)
  const { emotion, percentage } = emotionSummary?.primaryEmotion ?? {}
  return [
    ...(crises > 0 ? [SENTENCES.crisis[language]()] : []),
    ...(emotion === undefined || percentage === undefined
      ? [SENTENCES.nothing[language]()]
      : [SENTENCES.primary[language](EMOTION_NAMES[emotion][language], percentage)]),
    ...(emotionSummary === null ? [] : [SENTENCES[emotionSummary.trend.trend][language]()]),
    ...(uncertain > 0 ? [SENTENCES.uncertain[language](uncertain)] : []),
    ...(mostFrequent === undefined
      ? []
      : [
          SENTENCES.distortions[language](
            cbtSummary.totalDistortions,
            language === 'ko' ? mostFrequent.name_ko : mostFrequent.name_en,
          ),
        ]),
  ]
}

/** At most three, the most urgent first. After a mention of self-harm no exercise is recommended. */
function buildRecommendations(figures: ReportFigures, language: Language): Recommendation[] {
  const advise = (
    key: keyof typeof RECOMMENDATIONS,
    priority: Recommendation['priority'],
    category: Recommendation['category'],
  ): Recommendation => {
    const [title, description] = RECOMMENDATIONS[key][language]
    return { priority, category, title, description }
  }
  const { emotionSummary, cbtSummary, windows, uncertainWindows, crises } = figures
  const isUncertain = windows > 0 && uncertainWindows / windows >= MIN_UNCERTAIN_SHARE
  return [
    ...(crises > 0 ? [advise('safety', 'high', 'safety')] : []),
    ...(emotionSummary === null ? [] : [advise(emotionSummary.emotionalState, 'medium', 'conversation')]),
    ...(crises === 0 && cbtSummary.totalDistortions > 0 ? [advise('thought', 'medium', 'thought')] : []),
    ...(isUncertain ? [advise('setting', 'low', 'setting')] : []),
  ].slice(0, MAX_RECOMMENDATIONS)
}

/** Builds the sentences of a report in one language. Deterministic. */
export function describeReport(figures: ReportFigures, language: Language) {
  return {
    overallAssessment: {
      keyObservations: buildKeyObservations(figures, language),
      emotionalState: figures.emotionSummary?.emotionalState ?? null,
      disclaimer: SENTENCES.disclaimer[language](),
      /** Visible to the owner, who may show it to a counsellor. */
      forCounsellor: {
        isFlagged: figures.crises > 0,
        crisisCount: figures.crises,
        note: figures.crises > 0 ? SENTENCES.forCounsellor[language](figures.crises) : null,
      },
    },
    recommendations: buildRecommendations(figures, language),
  }
}
