import { EMOTION_NAMES } from '../emotion.ts'
import type { Language } from '../language.ts'
import type { EmotionSummary } from '../summary.ts'
import type { CbtSummary } from './findings.ts'

/** The numbers that are put into words. */
export type Assessed = {
  readonly emotionSummary: EmotionSummary | null
  readonly cbtSummary: CbtSummary
  readonly windows: number
  readonly uncertainWindows: number
  /** How often words of self-harm were noticed. */
  readonly crises: number
}

export type Recommendation = {
  readonly priority: 'high' | 'medium' | 'low'
  readonly category: 'safety' | 'conversation' | 'thought' | 'setting'
  readonly title: string
  readonly description: string
}

type Words<Args extends readonly (string | number)[]> = Readonly<Record<Language, (...args: Args) => string>>
type Advice = Readonly<Record<Language, readonly [title: string, description: string]>>

/** Every sentence of a report. They tell what a face or a wording looked like, never what a person has or is. */
export const SENTENCES = {
  nothing: {
    ko: () => '분석된 구간이 없습니다.',
    en: () => 'No window was analysed.',
  },
  primary: {
    ko: (name, share) => `가장 자주 보인 표정은 ${name}입니다 (${share}%).`,
    en: (name, share) => `The expression seen most often was ${name} (${share}%).`,
  } satisfies Words<[name: string, share: number]>,
  improving: {
    ko: () => '후반으로 갈수록 표정이 밝아지는 흐름을 보였습니다.',
    en: () => 'Expressions became brighter towards the end.',
  },
  declining: {
    ko: () => '후반으로 갈수록 표정이 어두워지는 흐름을 보였습니다.',
    en: () => 'Expressions became darker towards the end.',
  },
  stable: {
    ko: () => '표정의 흐름이 전반적으로 일정했습니다.',
    en: () => 'Expressions stayed much the same throughout.',
  },
  uncertain: {
    ko: (share) => `판단이 불확실한 구간이 ${share}% 있었습니다.`,
    en: (share) => `${share}% of the windows were read with uncertainty.`,
  } satisfies Words<[share: number]>,
  distortions: {
    ko: (count, name) =>
      `말이나 글에서 생각이 한쪽으로 기운 표현이 ${count}번 눈에 띄었고, 가장 잦은 것은 '${name}'입니다.`,
    en: (count, name) =>
      `Wording that suggests a one-sided thought was noticed ${count === 1 ? 'once' : `${count} times`}, most often '${name}'.`,
  } satisfies Words<[count: number, name: string]>,
  crisis: {
    ko: () => '자해나 죽음을 떠올리게 하는 말이 있었습니다. 먼저 안전을 확인해 주세요.',
    en: () => 'Words that call self-harm or death to mind were noticed. Please look to safety first.',
  },
  forCounsellor: {
    ko: (count) =>
      `자해나 죽음을 떠올리게 하는 말이 ${count}번 있었습니다. 자동으로 찾은 것이므로 맥락을 직접 확인해 주세요.`,
    en: (count) =>
      `Words that call self-harm or death to mind were noticed ${count === 1 ? 'once' : `${count} times`}. They were found by a machine; please look at the context yourself.`,
  } satisfies Words<[count: number]>,
  /** Told to whoever reads: EU Regulation 2024/1689, Art. 50(3), and the Korean AI Basic Act, Art. 31. */
  disclaimer: {
    ko: () =>
      '이 보고서는 인공지능이 겉으로 드러난 얼굴 표정과 표현을 추정하여 자동으로 만든 것입니다. 실제 감정이나 마음 상태와 다를 수 있으며, 의학적·심리학적 진단이 아닙니다.',
    en: () =>
      'This report was made automatically by an artificial intelligence, which estimates apparent facial expression and wording. It may differ from what was really felt. It is no medical or psychological diagnosis.',
  },
} as const satisfies Record<string, Words<never>>

export const RECOMMENDATIONS = {
  safety: {
    ko: [
      '안전 확인',
      '지금 안전한지 먼저 확인하고, 필요하면 바로 상담 전화나 응급 서비스의 도움을 받으세요.',
    ],
    en: [
      'Safety first',
      'Make sure first that all is safe now; call a crisis line or emergency services when needed.',
    ],
  },
  positive: {
    ko: ['편안했던 순간', '밝은 표정이 많았던 때에 무엇을 하고 있었는지 이야기해 보세요.'],
    en: ['Moments of ease', 'Talk about what was going on when expressions were bright.'],
  },
  negative: {
    ko: ['어려웠던 순간', '표정이 무거워 보였던 때에 어떤 생각이 들었는지 이야기해 보세요.'],
    en: ['Difficult moments', 'Talk about what came to mind when expressions looked heavy.'],
  },
  mixed: {
    ko: ['변화의 순간', '표정이 바뀐 때에 무슨 일이 있었는지 함께 살펴보세요.'],
    en: ['Moments of change', 'Look together at what happened when expressions changed.'],
  },
  calm: {
    ko: ['차분한 흐름', '차분했던 흐름이 실제 느낌과 같았는지 확인해 보세요.'],
    en: ['A calm course', 'Ask whether the calm that was seen matches what was felt.'],
  },
  thought: {
    ko: [
      '생각 다시 보기',
      '눈에 띈 생각 하나를 골라, 그렇다는 근거와 그렇지 않다는 근거를 나란히 적어 보세요.',
    ],
    en: [
      'A second look',
      'Pick one thought that stood out and write down side by side what speaks for it and against it.',
    ],
  },
  setting: {
    ko: [
      '촬영 환경',
      '얼굴이 밝고 고르게 비치도록 조명과 카메라 위치를 맞추면 더 확실하게 읽을 수 있습니다.',
    ],
    en: [
      'Light and camera',
      'Even light on the face and a camera at eye level let expressions be read with more certainty.',
    ],
  },
} as const satisfies Record<string, Advice>

const MOST_RECOMMENDATIONS = 3
/** From this share of uncertain windows on, light and camera are worth a word. */
const UNCERTAIN_SHARE = 0.5

function keyObservations(of: Assessed, language: Language): string[] {
  const { emotionSummary, cbtSummary, windows, uncertainWindows, crises } = of
  const [most] = cbtSummary.distortions
  const uncertain = windows === 0 ? 0 : Math.round((uncertainWindows / windows) * 100)
  const { emotion, percentage } = emotionSummary?.primaryEmotion ?? {}
  return [
    ...(crises > 0 ? [SENTENCES.crisis[language]()] : []),
    ...(emotion === undefined || percentage === undefined
      ? [SENTENCES.nothing[language]()]
      : [SENTENCES.primary[language](EMOTION_NAMES[emotion][language], percentage)]),
    ...(emotionSummary === null ? [] : [SENTENCES[emotionSummary.trend.trend][language]()]),
    ...(uncertain > 0 ? [SENTENCES.uncertain[language](uncertain)] : []),
    ...(most === undefined
      ? []
      : [
          SENTENCES.distortions[language](
            cbtSummary.totalDistortions,
            language === 'ko' ? most.name_ko : most.name_en,
          ),
        ]),
  ]
}

/** At most three, the most urgent first. After words of self-harm there is no homework. */
function recommendations(of: Assessed, language: Language): Recommendation[] {
  const advise = (
    key: keyof typeof RECOMMENDATIONS,
    priority: Recommendation['priority'],
    category: Recommendation['category'],
  ): Recommendation => {
    const [title, description] = RECOMMENDATIONS[key][language]
    return { priority, category, title, description }
  }
  const { emotionSummary, cbtSummary, windows, uncertainWindows, crises } = of
  const isUncertain = windows > 0 && uncertainWindows / windows >= UNCERTAIN_SHARE
  return [
    ...(crises > 0 ? [advise('safety', 'high', 'safety')] : []),
    ...(emotionSummary === null ? [] : [advise(emotionSummary.emotionalState, 'medium', 'conversation')]),
    ...(crises === 0 && cbtSummary.totalDistortions > 0 ? [advise('thought', 'medium', 'thought')] : []),
    ...(isUncertain ? [advise('setting', 'low', 'setting')] : []),
  ].slice(0, MOST_RECOMMENDATIONS)
}

/** What is said of the numbers, in one language. The same numbers are always told in the same words. */
export function putIntoWords(of: Assessed, language: Language) {
  return {
    overallAssessment: {
      keyObservations: keyObservations(of, language),
      emotionalState: of.emotionSummary?.emotionalState ?? null,
      disclaimer: SENTENCES.disclaimer[language](),
      /** There are no counsellor accounts: the owner sees it, and shows it to whom they like. */
      forCounsellor: {
        isFlagged: of.crises > 0,
        crisisCount: of.crises,
        note: of.crises > 0 ? SENTENCES.forCounsellor[language](of.crises) : null,
      },
    },
    recommendations: recommendations(of, language),
  }
}
