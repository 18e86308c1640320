import type { Distortion } from '../distortion.ts'

export const overgeneralisation: Distortion = {
  id: 'overgeneralisation',
  name_ko: '과잉일반화',
  name_en: 'Overgeneralisation',
  description: {
    ko: '한두 번의 일을 근거로 늘 그렇다고, 앞으로도 그럴 것이라고 여기는 생각입니다.',
    en: 'Making an "always" or a "never" out of one or two events.',
  },
  cues: {
    ko: [
      [
        '(항상|늘.|맨날|매번|언제나|번번이|허구한 날) … (실패|망치|망쳐|망했|망해|틀리|틀려|실수|이 모양|이 꼴|손해|상처|버림|거절|혼자|꼴찌|안 돼|안 되)',
        0.9,
      ],
      ['(한 번도|단 한번도) … (성공|제대로|잘된|잘한|행복한|이긴|없)', 0.7],
      ['되는 (일이|게) (하나도 |)없', 0.8],
      ['(뭘|무엇을|뭐를|무슨 일을) 해도 (안|실패|망)', 0.9],
      ['아무도 … 하지 않', 0.7],
      ['아무도 (나를|날|내) … (안|없|못)', 0.8],
      ['(모든 게|전부|다) (엉망|내 탓)', 0.7],
      ['하는 (일|것)마다 … (안|실패|망)', 0.9],
      ['나만 (항상|늘|맨날|왜)', 0.6],
      ['(만나는|만난|하는) (사람|일)마다 … (떠나|떠났|상처|배신|실패)', 0.8],
      ['또 (실패|망했|망쳤)', 0.5],
      ['(역시|결국) (난|나는) (안 돼|안 되)', 0.8],
    ],
    en: [
      [
        '(always|allways|constantly) (mess*|fail*|ruin*|screw*|lose|losing|disappoint*|get hurt|end up alone|get it wrong)',
        0.9,
      ],
      ['(i never|never) (succeed|win|get anything right|do anything right|get it right|learn|fit in)', 0.8],
      ['nothing (ever works|ever goes|works out|goes right|i do)', 0.8],
      ['(everything|anything) i (touch|do|try) … (wrong|fail*|ruin*|breaks|apart|pointless)', 0.9],
      ['every time i try … (fail*|wrong|hurt|mess*)', 0.8],
      ['(this|it) always happens to me', 0.8],
      ['(no one|nobody) (ever|will ever) (loves|likes|listens|cares|helps|understands|love|like|care)', 0.8],
      ['everything (always |)goes wrong', 0.8],
      ['failed again', 0.5],
      [
        'every (relationship|job|time|attempt|friendship|plan) … (ends|end badly|fails|goes wrong|falls apart)',
        0.8,
      ],
      ['it always (will|does|has)', 0.6],
      ['why does this always', 0.6],
    ],
  },
  questions: {
    ko: [
      '그렇지 않았던 때가 한 번이라도 있었다면 언제였나요?',
      '"항상"을 실제 횟수로 바꾸면 열 번 가운데 몇 번쯤일까요?',
      '이번 일은 지난번과 어떤 점이 달랐나요?',
    ],
    en: [
      'Was there even one time when it went differently?',
      'If you replaced "always" by a count, how many times out of ten would it be?',
      'In what way was this time unlike the last one?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '예외 찾기',
        description: '"항상"이나 "한 번도"라는 생각과 어긋나는 일을 세 가지 찾아 적어 보세요.',
        difficulty: 'easy',
        duration: '10분',
      },
      {
        title: '일주일 기록',
        description: '일주일 동안 같은 상황이 올 때마다 결과를 ○와 ×로 표시하고, 마지막 날 세어 보세요.',
        difficulty: 'medium',
        duration: '하루 5분씩 7일',
      },
    ],
    en: [
      {
        title: 'Find the exceptions',
        description: 'Write down three events that do not fit the "always" or the "never".',
        difficulty: 'easy',
        duration: '10 minutes',
      },
      {
        title: 'A week of counting',
        description: 'For a week, mark each such situation as gone well or not, and count on the last day.',
        difficulty: 'medium',
        duration: '5 minutes a day for 7 days',
      },
    ],
  },
}
