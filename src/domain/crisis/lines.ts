import type { Language } from '../language.ts'
import type { CrisisLevel } from './read-crisis.ts'

export type CrisisLine = { readonly name: string; readonly number: string }

/**
 * Free and open around the clock in Korea: 109, the suicide prevention line of the Ministry of Health and Welfare
 * (since January 2024), and 1577-0199, the mental health crisis line. There is no single number for other countries.
 */
const LINES: Readonly<Record<Language, readonly CrisisLine[]>> = {
  ko: [
    { name: '자살예방 상담전화', number: '109' },
    { name: '정신건강 위기상담전화', number: '1577-0199' },
  ],
  en: [
    { name: 'Suicide prevention line (Korea)', number: '109' },
    { name: 'Mental health crisis line (Korea)', number: '1577-0199' },
    {
      name: 'Outside Korea: the emergency number or the crisis line of your country',
      number: '112 / 911 / 988',
    },
  ],
}

/** Returns the lines to show. A non-empty configured list replaces the built-in one. */
export const crisisLines = (
  language: Language,
  configured: readonly CrisisLine[] = [],
): readonly CrisisLine[] => (configured.length > 0 ? configured : LINES[language])

const WORDS: Readonly<Record<Language, Readonly<Record<'urgent' | 'gentle' | 'close', string>>>> = {
  ko: {
    urgent:
      '많이 힘드셨을 텐데, 이야기해 주셔서 고맙습니다. 지금 안전한 곳에 계신가요? 혼자 견디지 않으셔도 됩니다. 지금 바로 아래 번호로 전화하시면 24시간 이야기를 나눌 수 있습니다.',
    gentle:
      '쉽지 않은 이야기를 해 주셔서 고맙습니다. 지금은 괜찮으시더라도, 본인이나 가까운 분이 힘들 때 언제든 이야기할 수 있는 곳을 알려 드릴게요.',
    close:
      '위험이 가까이 있다고 느껴지면 112나 119에 바로 연락하거나, 가까이 있는 사람에게 곁에 있어 달라고 말해 주세요.',
  },
  en: {
    urgent:
      'That sounds very hard, and thank you for saying it. Are you somewhere safe right now? You do not have to carry this alone. You can call one of these numbers now, day or night.',
    gentle:
      'Thank you for telling me something so difficult. Even if things are all right at the moment, here is where you, or someone close to you, can talk to a person at any time.',
    close:
      'If danger feels close, please call the emergency services now, or ask someone near you to stay with you.',
  },
}

/** The immediate answer to a mention of self-harm: concern and the lines, no exercises. Empty for level `none`. */
export function formatCrisisMessage(
  level: CrisisLevel,
  language: Language,
  lines: readonly CrisisLine[],
): string {
  if (level === 'none') return ''
  const words = WORDS[language]
  const listed = lines.map(({ name, number }) => `- ${name}: ${number}`)
  return [words[level], ...listed, words.close].join('\n')
}
