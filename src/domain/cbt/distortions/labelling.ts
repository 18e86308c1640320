import type { Distortion } from '../distortion.ts'

const ME = '(나는.|난.|나.|내가.|저는.|전.|제가.|나도.|나 같은|내 자신이)'
const I_AM = '(im|i am|i feel like)'
const DEGREE =
  '(a |an |such a |such an |just a |a complete |a total |a real |nothing but a |so |totally |completely |)'

export const labelling: Distortion = {
  id: 'labelling',
  name_ko: '낙인찍기',
  name_en: 'Labelling',
  description: {
    ko: '한 가지 행동이 아니라 사람 전체에 나쁜 이름표를 붙이는 생각입니다.',
    en: 'Putting a bad name on a whole person instead of on one act.',
  },
  cues: {
    ko: [
      [
        '(쓸모없는|쓸모 없는|한심한|형편없는|못난|무능한|무가치한|쓰레기 같은) (인간|사람|존재|놈|년|녀석|애)',
        0.8,
      ],
      ['(패배자|실패자|낙오자|인생 낙오|루저|찌질이)', 0.8],
      [
        `${ME} … (바보|멍청|쓰레기|loser|failure|idiot|병신|등신|짐덩이|짐짝|쓸모없|쓸모가 없|못났|무능|한심해|한심하)`,
        0.85,
      ],
    ],
    en: [
      [
        `${I_AM} ${DEGREE}(loser|failure|idiot|fool|moron|fraud|freak|burden|disgrace|waste of space|coward|joke)`,
        0.85,
      ],
      [
        `${I_AM} ${DEGREE}(worthless|useless|pathetic|stupid|unlovable|hopeless|incompetent|good for nothing)`,
        0.85,
      ],
      ['what (a loser|a failure|an idiot) i am', 0.85],
    ],
  },
  questions: {
    ko: [
      '그 이름표는 나의 어떤 행동 하나를 가리키고 있나요?',
      '그 이름표와 맞지 않는 나의 모습은 어떤 것이 있나요?',
      '소중한 사람이 자신을 그렇게 부른다면 뭐라고 말해 주시겠어요?',
    ],
    en: [
      'Which single act does that name point to?',
      'Which sides of you do not fit that name?',
      'What would you say to somebody dear who called themselves that?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '이름표 떼기',
        description: '"나는 ○○다"를 "나는 이번에 ○○을 했다"처럼 한 가지 행동으로 바꾸어 적어 보세요.',
        difficulty: 'easy',
        duration: '5분',
      },
      {
        title: '나의 여러 모습',
        description: '가족, 친구, 일터 등 여러 자리에서의 나를 하나씩, 모두 다섯 가지 적어 보세요.',
        difficulty: 'medium',
        duration: '15분',
      },
    ],
    en: [
      {
        title: 'Take the label off',
        description: 'Turn "I am ..." into "This time I did ...", naming one act only.',
        difficulty: 'easy',
        duration: '5 minutes',
      },
      {
        title: 'My many sides',
        description: 'Write down five sides of yourself: at home, with friends, at work and elsewhere.',
        difficulty: 'medium',
        duration: '15 minutes',
      },
    ],
  },
}
