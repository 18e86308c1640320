import type { Language } from '../../domain/language.ts'

export type Vad = { readonly valence: number; readonly arousal: number; readonly dominance: number }

type Recommendation = {
  readonly id: string
  readonly title: string
  readonly desc: string
}

/** Means closer to zero than this, and smaller changes, are not notable. */
const NOTABLE = 0.2
const MAX_RECOMMENDATIONS = 3

type Words = readonly [title: string, desc: string]

/**
 * Suggestions about apparent expression, not findings. They contain no button text, because the web client would show a
 * button without function.
 */
const OFFERS = {
  start: {
    ko: ['오늘의 첫 세션', '잠시 시간을 내어 지금의 표정을 살펴보세요.'],
    en: ['First session of the day', 'Take a moment to look at your expression now.'],
  },
  breathe: {
    ko: ['천천히 호흡하기', '오늘은 긴장된 표정이 자주 보였습니다. 1분 동안 천천히 숨을 쉬어 보세요.'],
    en: ['Breathe slowly', 'Tense expressions were seen often today. Try breathing slowly for a minute.'],
  },
  rest: {
    ko: ['잠시 쉬어 가기', '오늘은 무거운 표정이 자주 보였습니다. 편안해지는 일을 하나 해 보세요.'],
    en: ['Take a break', 'Heavy expressions were seen often today. Do one thing that puts you at ease.'],
  },
  keep: {
    ko: ['좋은 순간 기록하기', '오늘은 밝은 표정이 자주 보였습니다. 무엇이 좋았는지 적어 보세요.'],
    en: ['Note a good moment', 'Bright expressions were seen often today. Write down what was good.'],
  },
  notice: {
    ko: ['지금의 마음 살피기', '오늘의 표정은 차분했습니다. 실제 느낌과 같은지 떠올려 보세요.'],
    en: ['Notice how you feel', 'Expressions were calm today. See whether that matches how you feel.'],
  },
  talk: {
    ko: ['누군가와 이야기하기', '어제보다 표정이 어두웠습니다. 믿을 만한 사람과 이야기를 나눠 보세요.'],
    en: [
      'Talk to someone',
      'Expressions were darker than yesterday. Share your day with somebody you trust.',
    ],
  },
} as const satisfies Record<string, Record<Language, Words>>

type Offer = keyof typeof OFFERS

function offersFor(today: Vad | null, change: Vad | null): Offer[] {
  if (today === null) return ['start']
  const { valence, arousal } = today
  const mood =
    valence > NOTABLE ? 'keep' : valence >= -NOTABLE ? 'notice' : arousal > NOTABLE ? 'breathe' : 'rest'
  return change !== null && change.valence < -NOTABLE ? [mood, 'talk'] : [mood]
}

/** At most three suggestions, from the day's means and their change since yesterday. */
export const recommend = (today: Vad | null, change: Vad | null, language: Language): Recommendation[] =>
  offersFor(today, change)
    .slice(0, MAX_RECOMMENDATIONS)
    .map((id) => {
      const [title, desc]: Words = OFFERS[id][language]
      return { id, title, desc }
    })
