import type { Distortion } from '../distortion.ts'

export const catastrophising: Distortion = {
  id: 'catastrophising',
  name_ko: '파국화',
  name_en: 'Catastrophising',
  description: {
    ko: '일어날 수 있는 일 가운데 가장 나쁜 결과를 이미 정해진 것처럼 여기는 생각입니다.',
    en: 'Taking the worst of all possible outcomes as if it were already certain.',
  },
  cues: {
    ko: [
      ['인생(은|이|도|) (다 |이제 |완전히 |)끝', 0.9],
      ['인생(은|이|도|) (다 |이제 |완전히 |)망', 0.9],
      ['(이제|그러면|그럼) (난|나는|전|저는) 끝', 0.9],
      ['끝장', 0.7],
      ['(평생|영원히|죽을 때까지) 혼자', 0.8],
      ['(인생|앞날|미래)(은|이|) (캄캄|깜깜|나락)', 0.7],
      ['(길거리에|길바닥에|거리에) 나앉', 0.8],
      ['재앙', 0.6],
      ['미래가 없', 0.7],
      ['세상이 무너', 0.8],
      ['하늘이 무너', 0.7],
      ['최악의 (상황|일|결과|사태)', 0.6],
      ['(평생|영원히|다시는) … (못 할|못할|혼자일|회복 못|일어서지|불행할)', 0.8],
      ['(견딜|버틸|감당할) 수 없을', 0.6],
      ['큰일 (났|나겠|날)', 0.5],
      ['다 망했', 0.7],
      ['쫄딱 망', 0.7],
      ['망할 (거|게)', 0.5],
      ['다 끝났', 0.3],
    ],
    en: [
      ['my (life|career|future|marriage) (is|will be|would be|s) (over|ruined|finished|destroyed|done)', 0.9],
      ['end of the world', 0.7],
      ['(alone|lonely|miserable) (forever|for ever|for the rest of my life)', 0.8],
      ['(ill|i will|were going to) (lose everything|end up homeless|end up alone|end up on the street)', 0.8],
      ['never find (love|anyone|another job|happiness)', 0.8],
      ['(total|complete|absolute|utter) (disaster|catastrophe)', 0.7],
      ['(ill|i will|well) never (recover|get over|get back|be happy again)', 0.8],
      ['everything is (ruined|over|lost)', 0.8],
      ['(everything|it all) (will|is going to) (fall apart|collapse)', 0.8],
      ['(im|i am|we are) (doomed|finished|done for)', 0.8],
      ['the worst … (happen|will happen|is coming)', 0.6],
      ['(couldnt|wont be able to) (bear|survive) it', 0.7],
      ['its all over', 0.5],
    ],
  },
  questions: {
    ko: [
      '가장 나쁜 결과, 가장 좋은 결과, 그리고 가장 있을 법한 결과는 각각 무엇일까요?',
      '정말 그 일이 일어난다면, 무엇이 그 시간을 견디는 데 도움이 될까요?',
      '예전에도 끝이라고 느꼈던 일이 있었나요? 그 뒤에 실제로는 어떻게 되었나요?',
    ],
    en: [
      'What would be the worst, the best and the most likely outcome?',
      'If it did happen, what would help you through that time?',
      'Has something felt like the end before, and what came after it?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '세 가지 결말 적기',
        description:
          '걱정되는 일의 가장 나쁜 결말, 가장 좋은 결말, 가장 있을 법한 결말을 한 줄씩 적어 보세요.',
        difficulty: 'easy',
        duration: '10분',
      },
      {
        title: '대비 계획 한 장',
        description: '걱정한 일이 생겼을 때 연락할 사람과 첫 번째로 할 행동을 종이 한 장에 적어 보세요.',
        difficulty: 'medium',
        duration: '20분',
      },
    ],
    en: [
      {
        title: 'Three endings',
        description:
          'Write one line each: the worst, the best and the most likely ending of what worries you.',
        difficulty: 'easy',
        duration: '10 minutes',
      },
      {
        title: 'A plan on one page',
        description: 'Note whom you would call and what you would do first if it happened.',
        difficulty: 'medium',
        duration: '20 minutes',
      },
    ],
  },
}
