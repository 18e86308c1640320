import type { Distortion } from '../distortion.ts'

export const emotionalReasoning: Distortion = {
  id: 'emotional_reasoning',
  name_ko: '감정적 추론',
  name_en: 'Emotional reasoning',
  description: {
    ko: '그렇게 느껴진다는 것을 그것이 사실이라는 증거로 삼는 생각입니다.',
    en: 'Taking a feeling as proof that something is true.',
  },
  cues: {
    ko: [
      ['(불안한|무서운|두려운|초조한|찜찜한|긴장되는|떨리는|우울한) (걸|것을|거) (보니|보면)', 0.9],
      ['(불안하니까|불안하니|무서우니까|두려우니까) … (분명|잘못|위험|안 될|틀림)', 0.9],
      ['(느껴지니까|느껴지는 걸 보니|느껴지는 걸 보면|느낌이 드니까|느껴지면)', 0.9],
      ['죄책감이 (드니까|드는 걸 보니|드는 걸 보면|느껴지는 걸)', 0.9],
      ['(기분이|느낌이) … (걸 보니|걸 보면|거 보니)', 0.8],
      ['느낌이 (그래|그러니까|그렇다면) … (사실|맞|틀림)', 0.7],
      ['외로운 걸 보(니|면)', 0.8],
    ],
    en: [
      ['i feel … so (i|im|it|its|they|he|she|that|this) (must|have|am|is|really|probably)', 0.95],
      ['i feel … (therefore|which means|that means|that proves)', 0.9],
      ['(because|since) i feel … (must|is true|am|im)', 0.8],
      ['(if|when) i feel … (must be|it is|its) (true|wrong|bad|real|dangerous|my fault)', 0.8],
      ['feels (true|dangerous|hopeless|wrong) so', 0.9],
      ['(im|i am) (scared|anxious|nervous|afraid) so … (must|dangerous|wrong|bad)', 0.9],
      ['my gut says … (wrong|bad|fail*)', 0.5],
    ],
  },
  questions: {
    ko: [
      '느낌을 잠시 옆에 두고 보면, 눈으로 확인된 사실은 무엇인가요?',
      '비슷하게 느꼈지만 나중에 사실이 아니었던 때가 있었나요?',
      '그 느낌은 무엇을 알려 주려는 것일까요?',
    ],
    en: [
      'With the feeling put aside for a moment, what facts can be seen?',
      'Did something once feel like this and turn out not to be true?',
      'What might this feeling be trying to tell you?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '느낌과 사실 나누기',
        description: '종이를 반으로 나누어 왼쪽에는 느낌, 오른쪽에는 확인된 사실을 적어 보세요.',
        difficulty: 'easy',
        duration: '10분',
      },
      {
        title: '느낌의 온도 재기',
        description:
          '하루 세 번 느낌의 세기를 0부터 10까지 적고, 그 사이에 달라진 사실이 있었는지 살펴보세요.',
        difficulty: 'medium',
        duration: '하루',
      },
    ],
    en: [
      {
        title: 'Feelings left, facts right',
        description: 'Fold a page: feelings on the left, facts that can be checked on the right.',
        difficulty: 'easy',
        duration: '10 minutes',
      },
      {
        title: 'Take its temperature',
        description: 'Three times a day, rate the feeling from 0 to 10 and see whether any fact has changed.',
        difficulty: 'medium',
        duration: 'one day',
      },
    ],
  },
}
