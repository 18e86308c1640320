import type { Distortion } from '../distortion.ts'

export const magnification: Distortion = {
  id: 'magnification',
  name_ko: '과장과 축소',
  name_en: 'Magnification',
  description: {
    ko: '자신의 실수는 크게, 자신의 장점은 작게 보는 생각입니다.',
    en: "Making one's own mistakes larger and one's strengths smaller than they are.",
  },
  cues: {
    ko: [
      ['치명적', 0.8],
      ['돌이킬 수 없', 0.8],
      ['(엄청난|어마어마한|너무 큰|끔찍한) (잘못|실수|죄|피해|폐|손해)', 0.8],
      ['(용서받을|씻을|용서할) 수 없는', 0.8],
      ['(내가|제가|나 때문에) (다|전부|모든 걸|모든 것을) (망쳤|망친|망쳐|무너)', 0.9],
      ['(실수|잘못) 하나(로|가|에) … (다|전부|모든|치명|망)', 0.8],
      ['(내|제) 장점(은|이) … (아무것도 아니|별것 아니|별거 아니|하나도 없)', 0.7],
      ['잘하는 (게|것이) (아무것도|하나도) 없', 0.8],
    ],
    en: [
      ['(unforgivable|unforgiveable|inexcusable)', 0.8],
      [
        '(huge|fatal|massive|enormous|terrible|horrible|biggest|gigantic) (mistake|error|blunder|failure)',
        0.8,
      ],
      ['(ruined|wrecked|destroyed) (everything|it all|it for everyone)', 0.9],
      ['(blew|botched) (everything|it all)', 0.7],
      ['irreparable', 0.7],
      [
        '(my strengths|what im good at|my achievements) (dont|doesnt|mean nothing|are nothing) (matter|)',
        0.7,
      ],
      ['(not|never) good at anything', 0.7],
    ],
  },
  questions: {
    ko: [
      '일 년 뒤에 돌아보면 이 일은 얼마나 크게 보일까요?',
      '다른 사람이 같은 실수를 했다면 얼마나 큰 잘못이라고 여기시겠어요?',
      '이 일로 실제로 달라진 것과 그대로인 것은 무엇인가요?',
    ],
    en: [
      'How large will this look a year from now?',
      'How serious would you find it if somebody else had done it?',
      'What has really changed because of it, and what is as it was?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '거리 두고 보기',
        description: '그 일이 일주일, 한 달, 일 년 뒤에 어떻게 보일지 한 줄씩 적어 보세요.',
        difficulty: 'easy',
        duration: '10분',
      },
      {
        title: '저울의 반대편',
        description: '실수를 적은 만큼, 그 일을 위해 애쓴 것과 잘한 것을 같은 수만큼 적어 보세요.',
        difficulty: 'medium',
        duration: '15분',
      },
    ],
    en: [
      {
        title: 'From a distance',
        description: 'Write one line each on how it will look in a week, in a month and in a year.',
        difficulty: 'easy',
        duration: '10 minutes',
      },
      {
        title: 'The other side of the scale',
        description: 'For every mistake you write down, add one thing you did well or tried hard at.',
        difficulty: 'medium',
        duration: '15 minutes',
      },
    ],
  },
}
