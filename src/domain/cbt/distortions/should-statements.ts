import type { Distortion } from '../distortion.ts'

export const shouldStatements: Distortion = {
  id: 'should_statements',
  name_ko: '당위적 사고',
  name_en: 'Should statements',
  description: {
    ko: '"반드시", "절대" 같은 굳은 규칙으로 자신이나 남을 몰아세우는 생각입니다.',
    en: 'Driving oneself or others with rigid rules of "must" and "never".',
  },
  cues: {
    ko: [
      ['절대(로|) … (안 돼|안돼|안 되|안되)', 0.8],
      ['(반드시|무조건|꼭.|기필코) … (야만|해야|어야|아야|야 해|야 돼)', 0.6],
      ['야만 (해|하|돼|된|합|됩)', 0.7],
      ['(완벽해야|강해야|잘해야|착해야|참아야)(만|) (해|하|돼|된|합|됩)', 0.8],
      ['(실수하면|울면|지면|약해지면|쉬면|틀리면) (절대 |)안 (돼|되)', 0.8],
      ['(했어야|말았어야|참았어야|알았어야) (했|하|되|돼)', 0.5],
      ['(이래서는|이러면|그러면) 안 되는데', 0.5],
      ['마땅히 … (해야|야)', 0.7],
    ],
    en: [
      ['(i|we) should (never|always)', 0.8],
      ['(i|we) must (always|never)', 0.9],
      ['(i|we) (must|have to|need to|should) be (perfect|strong|the best|flawless|better than)', 0.8],
      ['i (shouldnt|should not) (feel|be so|be this|need|cry|have)', 0.7],
      ['i should (have known|have been|be able to|be over)', 0.6],
      ['(im|i am) not allowed to', 0.7],
      ['i have no right to', 0.7],
      ['(i|we) cant ever (fail|be weak|make mistakes|rest)', 0.8],
      ['i ought to (be|have)', 0.6],
    ],
  },
  questions: {
    ko: [
      '그 규칙은 어디에서 왔고, 지금도 나에게 도움이 되나요?',
      '"해야 한다"를 "하면 좋겠다"로 바꾸면 마음이 어떻게 달라지나요?',
      '그 규칙을 한 번 어긴다면 실제로 무슨 일이 생길까요?',
    ],
    en: [
      'Where does that rule come from, and does it still help you?',
      'How does it feel if "I must" becomes "I would like to"?',
      'What would really happen if the rule were broken once?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '말 바꾸어 보기',
        description: '"해야 한다"로 끝나는 생각 세 가지를 "하면 좋겠다"로 바꾸어 적어 보세요.',
        difficulty: 'easy',
        duration: '5분',
      },
      {
        title: '작은 예외 허락하기',
        description: '오늘 하루 작은 규칙 하나를 일부러 지키지 않아 보고, 어땠는지 적어 보세요.',
        difficulty: 'hard',
        duration: '하루',
      },
    ],
    en: [
      {
        title: 'Change the verb',
        description: 'Rewrite three thoughts that say "I must" so that they say "I would like to".',
        difficulty: 'easy',
        duration: '5 minutes',
      },
      {
        title: 'Allow one exception',
        description: 'Set one small rule aside on purpose for a day and write down how it felt.',
        difficulty: 'hard',
        duration: 'one day',
      },
    ],
  },
}
