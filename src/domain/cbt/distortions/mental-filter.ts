import type { Distortion } from '../distortion.ts'

export const mentalFilter: Distortion = {
  id: 'mental_filter',
  name_ko: '정신적 여과',
  name_en: 'Mental filter',
  description: {
    ko: '여러 면 가운데 나쁜 한 가지에만 머물러 나머지가 보이지 않게 되는 생각입니다.',
    en: 'Dwelling on one bad detail until nothing else can be seen.',
  },
  cues: {
    ko: [
      ['(실수한|못한|잘못한|틀린|부족한|망친) (것만|점만|부분만)', 0.9],
      ['(안 좋은|나쁜|부정적인|싫은) (것|점|일|면|기억|말)만', 0.9],
      ['(단점|결점|실수|흠)만 … (보여|보이|눈에|떠올|떠오|생각|기억)', 0.9],
      [
        '(그 말|그 실수|그 지적|그 한마디|실수) … (머릿속|자꾸 떠|계속 떠|계속 생각|자꾸 생각|맴돌|잊히지|잊혀지)',
        0.7,
      ],
      ['(더듬은|틀렸던|실수했던|못했던|혼난|지적받은|지적당한|창피한) (것|일|거|점)만', 0.8],
      ['좋았던 건 하나도 (기억|생각)', 0.8],
      ['하나 때문에 … (하루|다.|전부|전체)', 0.5],
    ],
    en: [
      [
        'all i (can see|can think about|could see|could think about|remember|see) … (wrong|bad|mistake|mistakes|fail*|flaws|criticism)',
        0.9,
      ],
      [
        '(cant|couldnt|can not) stop (thinking about|replaying|going over) … (mistake|mistakes|wrong|criticism|comment|failed|bad)',
        0.9,
      ],
      [
        '(keep|kept) (replaying|thinking about|going over) … (mistake|mistakes|wrong|criticism|comment|remark)',
        0.8,
      ],
      ['(only|just) (see|notice|remember|hear) the (bad|negative|mistakes|flaws|criticism)', 0.9],
      ['the only thing (i remember|that matters|i see) … (mistake|wrong|bad|criticism|failed)', 0.8],
      ['(one|that) (bad|negative|critical) (comment|remark|thing) … (ruined|spoiled|everything|whole)', 0.8],
    ],
  },
  questions: {
    ko: [
      '그 일에서 괜찮았던 부분을 굳이 하나 꼽는다면 무엇인가요?',
      '그 장면을 옆에서 본 사람은 무엇을 더 기억하고 있을까요?',
      '그 한 가지는 전체의 몇 퍼센트쯤을 차지하나요?',
    ],
    en: [
      'If you had to name one part that went all right, what would it be?',
      'What else would somebody who watched remember?',
      'What share of the whole does that one thing take up?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '나머지 칸 채우기',
        description: '마음에 걸리는 일 하나를 가운데 적고, 둘레에 그날의 다른 일 다섯 가지를 적어 보세요.',
        difficulty: 'easy',
        duration: '10분',
      },
      {
        title: '하루 세 줄',
        description: '사흘 동안 자기 전에 괜찮았던 순간 세 가지를 한 줄씩 적어 보세요.',
        difficulty: 'medium',
        duration: '하루 5분씩 3일',
      },
    ],
    en: [
      {
        title: 'Fill in the rest',
        description: 'Write what bothers you in the middle and five other events of that day around it.',
        difficulty: 'easy',
        duration: '10 minutes',
      },
      {
        title: 'Three lines a day',
        description: 'For three evenings, write one line each on three moments that were all right.',
        difficulty: 'medium',
        duration: '5 minutes a day for 3 days',
      },
    ],
  },
}
