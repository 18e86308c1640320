import type { Distortion } from '../distortion.ts'

export const jumpingToConclusions: Distortion = {
  id: 'jumping_to_conclusions',
  name_ko: '성급한 결론',
  name_en: 'Jumping to conclusions',
  description: {
    ko: '확인하지 않은 채 남의 마음을 읽은 듯 여기거나 앞일을 정해진 것처럼 내다보는 생각입니다.',
    en: 'Reading minds or telling the future without checking.',
  },
  isAboutOthers: true,
  cues: {
    ko: [
      [
        '(다들|모두|모두가|사람들이|사람들은|전부) … (싫어|시러|미워|무시|비웃|욕하|욕할|한심하게|이상하게)',
        0.9,
      ],
      [
        '(나를|날.|저를|나한테|저한테|내게) … (싫어|미워|화난|화났|실망|무시|비웃|한심|귀찮) … (분명|틀림없|게 뻔)',
        0.9,
      ],
      ['(화난|싫어하는|미워하는|실망한|무시하는|비웃는) (게|것이|거|건) (분명|틀림없|뻔)', 0.9],
      ['(저를|나를|날.|나한테|저한테) … (게|것이|거|것) (분명|틀림없|뻔)', 0.9],
      ['떨어질 텐데', 0.6],
      ['(속으로|뒤에서) … (비웃|욕|한심|흉)', 0.8],
      ['어차피 … (안 될|안될|안 돼|안돼|실패|떨어질|소용없|소용이 없|싫어할|떠날)', 0.9],
      ['(해|노력해|말해|가) (봤자|봐야) … (안|소용없|소용이 없|뻔|똑같)', 0.8],
      ['(보나마나|안 봐도) … (망|실패|떨어|거절|안 될|뻔)', 0.9],
      ['(분명|분명히|틀림없이) … (실패할|떨어질|망할|거절|비웃|싫어할|떠날|잘못될)', 0.8],
      ['(떨어질|실패할|거절당할|망할|차일|혼날) (게|것이) (뻔|분명|틀림없)', 0.9],
      ['내 마음을 알아줄 사람은 없', 0.6],
    ],
    en: [
      [
        '(everyone|everybody|they all|they|people|he|she) (must |probably |all |really |)(hate|hates|despise|despises|dislike|dislikes) me',
        0.9,
      ],
      [
        '(everyone|everybody|they all|they|people|he|she) (must |probably |all |)(think|thinks) (im|i am) (stupid|an idiot|weird|ugly|boring|useless|crazy|incompetent|pathetic)',
        0.9,
      ],
      ['must be (angry|mad|upset|annoyed|disappointed|furious) (with|at|in) me', 0.9],
      [
        '(obviously|clearly|definitely|surely|probably) (hates|hate|dislikes|despises|ignores|thinks|think) (me|im|i am)',
        0.9,
      ],
      ['(laughing|laughed|laugh) at me', 0.7],
      ['(judging|ignoring) me', 0.6],
      ['i (just |already |)know … (never|fail|hate|hates|reject|wont|leave|go wrong)', 0.9],
      ['(it will|itll|this will|thatll|that will) never work', 0.7],
      ['(bound|sure|certain|going) to (fail|be rejected|go wrong|get fired|be a failure)', 0.8],
      [
        '(theyre|he is|hes|shes|she is|they are) (definitely|surely|clearly) (going to|mad|angry|leaving|judging)',
        0.8,
      ],
      ['no point in (trying|asking|applying)', 0.7],
    ],
  },
  questions: {
    ko: [
      '그렇게 생각하게 된 근거와, 그렇지 않을 수 있다는 근거는 각각 무엇인가요?',
      '그 사람의 행동을 설명할 수 있는 다른 이유를 두 가지만 떠올려 보시겠어요?',
      '확인해 볼 수 있는 가장 쉬운 방법은 무엇일까요?',
    ],
    en: [
      'What speaks for this, and what speaks against it?',
      'Can you think of two other reasons for what happened?',
      'What would be the easiest way to check?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '다른 설명 세 가지',
        description: '마음에 걸린 행동 하나를 적고, 그 이유가 될 만한 설명을 세 가지 적어 보세요.',
        difficulty: 'easy',
        duration: '10분',
      },
      {
        title: '예상과 결과 견주기',
        description: '예상을 미리 적어 두고, 일이 지난 뒤 실제 결과와 나란히 놓고 견주어 보세요.',
        difficulty: 'medium',
        duration: '며칠',
      },
    ],
    en: [
      {
        title: 'Three other explanations',
        description: 'Write down something a person did and three reasons that could explain it.',
        difficulty: 'easy',
        duration: '10 minutes',
      },
      {
        title: 'Compare forecast and outcome',
        description: 'Write down what you expect, and compare it later with what really happened.',
        difficulty: 'medium',
        duration: 'a few days',
      },
    ],
  },
}
