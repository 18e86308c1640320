import type { Distortion } from '../distortion.ts'

export const allOrNothing: Distortion = {
  id: 'all_or_nothing',
  name_ko: '흑백논리',
  name_en: 'All-or-nothing thinking',
  description: {
    ko: '중간 없이 완벽 아니면 실패, 두 칸으로만 나누어 보는 생각입니다.',
    en: 'Seeing only two boxes, perfect or failed, with nothing in between.',
  },
  cues: {
    ko: [
      ['완벽(하게|히) 못 (할|하면|하느니)', 0.8],
      ['완벽하지 (않으면|못하면|않을 거면)', 0.9],
      [
        '(1등|일등|최고|만점|100점|합격|성공) … 아니면 … (의미가 없|의미 없|의미도 없|소용없|소용이 없|쓸모없|쓸모가 없|실패|아무것도 아니)',
        0.9,
      ],
      ['(못 할|못할|할) 바에(는|야|) … (안|차라리|포기)', 0.7],
      ['모 아니면 도', 0.8],
      ['전부 아니면 전무', 0.8],
      ['(하나라도|한 번이라도|조금이라도) (틀리면|실수하면|부족하면|못하면)', 0.8],
      ['성공 아니면 실패', 0.9],
      ['완전히 (실패|망친|망쳤)', 0.6],
      ['아예 안 하는 게', 0.5],
      ['중간은 없', 0.7],
      ['(다|전부|모두) (헛수고|헛일|물거품)', 0.8],
      ['실패(한 거나|나|한 것이나) (마찬가지|다름없)', 0.8],
    ],
    en: [
      [
        '(isnt|not|less than) perfect … (worthless|pointless|useless|failure|nothing|why bother|no point)',
        0.9,
      ],
      ['either … or (i am|im|its|it is) (nothing|a failure|worthless|a waste)', 0.9],
      ['all or nothing', 0.8],
      ['(all|everything|it|work|effort|time) was for nothing', 0.8],
      ['no (point|sense|use) … unless … perfect', 0.9],
      ['(may|might) as well be (zero|nothing)', 0.7],
      ['(if im|if i am) not the (best|first) … (nothing|failure|point|worthless)', 0.9],
      ['(if i cant|unless i) … perfect* … (point|bother|all|nothing)', 0.8],
      ['anything less than … (failure|fail*|worthless|unacceptable)', 0.9],
      ['(one|a single) mistake and … (fail*|over|nothing|worthless)', 0.8],
      ['(complete|total) waste', 0.6],
      ['might as well (give up|not try|quit)', 0.7],
      ['completely failed', 0.6],
    ],
  },
  questions: {
    ko: [
      '0점과 100점 사이에서 이번 일은 몇 점쯤일까요? 0점이 아닌 이유는 무엇인가요?',
      '가까운 친구가 같은 결과를 얻었다면 실패라고 부르시겠어요?',
      '완벽하지 않았지만 의미가 있었던 일을 하나 떠올려 보시겠어요?',
    ],
    en: [
      'On a scale from 0 to 100, where would this be, and what keeps it from being 0?',
      'Would you call it a failure if a good friend had the same result?',
      'Can you think of something that was not perfect and still mattered?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '점수 매기기',
        description:
          '오늘 한 일 세 가지에 0부터 100까지 점수를 매기고, 0점이 아닌 이유를 한 줄씩 적어 보세요.',
        difficulty: 'easy',
        duration: '10분',
      },
      {
        title: '80퍼센트로 마치기',
        description: '작은 일 하나를 일부러 80퍼센트만 하고 마친 뒤, 실제로 무슨 일이 일어나는지 살펴보세요.',
        difficulty: 'hard',
        duration: '하루',
      },
    ],
    en: [
      {
        title: 'Give it a number',
        description: 'Rate three things you did today from 0 to 100 and write why each is not a 0.',
        difficulty: 'easy',
        duration: '10 minutes',
      },
      {
        title: 'Stop at 80 percent',
        description: 'Finish one small thing at 80 percent on purpose and watch what really happens.',
        difficulty: 'hard',
        duration: 'one day',
      },
    ],
  },
}
