import type { Distortion } from '../distortion.ts'

export const disqualifyingPositive: Distortion = {
  id: 'disqualifying_positive',
  name_ko: '긍정 격하',
  name_en: 'Disqualifying the positive',
  description: {
    ko: '좋은 일이나 칭찬을 운이나 예의 탓으로 돌려 없던 것으로 만드는 생각입니다.',
    en: 'Turning good events and praise into luck or politeness, so that they no longer count.',
  },
  isAboutOthers: true,
  cues: {
    ko: [
      ['운이 좋(았을 뿐|았던 것뿐|았던 거|아서 그런|았던 것 뿐)', 0.9],
      ['(그냥|단지|다) 운(이었|이야|이에요|일 뿐)', 0.8],
      ['(우연일|우연이었을) 뿐', 0.8],
      ['우연히 (된|잘된|그렇게 된)', 0.6],
      ['누구나 (다 |)(할 수 있|하는)', 0.8],
      ['(대단한|특별한) (게|것도|건|일도|일이) 아니', 0.7],
      ['별(거|것도|것) 아니', 0.4],
      ['내가 잘해서(가|) (아니|그런 게 아니)', 0.9],
      ['(칭찬|잘했다|좋다고) … (빈말|예의상|인사치레|립서비스|그냥 하는|위로하려|불쌍해서)', 0.9],
      ['칭찬(받을|을 받을|들을) 자격', 0.9],
      ['나를 잘 몰라서', 0.5],
      [
        '(상 받은|합격한|칭찬받은|성공한|뽑힌|잘된|이긴) (건|것은|것도) … (없어서|운|덕분|쉬워서|우연|봐준)',
        0.8,
      ],
      ['예의상', 0.6],
      ['진심은 아닐', 0.7],
      ['이 정도는 당연', 0.5],
    ],
    en: [
      [
        '(i|ive|i was|it was|that was) (just|only|simply|probably) (got lucky|lucky|luck|a fluke|chance|been lucky)',
        0.9,
      ],
      ['(they|she|he) only … because (nobody|no one|they had|she had|he had|of pity)', 0.8],
      ['was a fluke', 0.7],
      ['(sheer|pure|dumb) luck', 0.8],
      ['(doesnt|dont|didnt|does not) (really |)count', 0.8],
      [
        '(anyone|anybody|everyone) (could have|couldve|could|can) (done|do|managed|manage) (it|that|this)',
        0.8,
      ],
      ['(just|only) being (nice|polite|kind)', 0.9],
      ['(dont|didnt) deserve (it|the praise|this praise|the compliment|the award|any credit)', 0.8],
      ['(only|just) (said|saying) (that|it) (to be|because)', 0.8],
      ['(i fooled|ive fooled) (them|everyone)', 0.7],
      ['it was (nothing|no big deal)', 0.4],
      ['they dont know the real me', 0.7],
    ],
  },
  questions: {
    ko: [
      '운 말고 내가 한 일이 보탠 몫은 무엇이었을까요?',
      '같은 일을 다른 사람이 해냈다면 뭐라고 말해 주시겠어요?',
      '칭찬을 그대로 두면 어떤 점이 불편하게 느껴지나요?',
    ],
    en: [
      'Besides luck, what did you yourself add to it?',
      'What would you say to somebody else who had done the same?',
      'What feels uncomfortable about letting the praise stand?',
    ],
  },
  tasks: {
    ko: [
      {
        title: '칭찬 모으기',
        description: '최근에 들은 좋은 말 세 가지를 해석을 붙이지 말고 들은 그대로 적어 보세요.',
        difficulty: 'easy',
        duration: '5분',
      },
      {
        title: '고맙습니다로 끝내기',
        description: '다음번 칭찬에는 덧붙이는 말 없이 "고맙습니다"라고만 답해 보세요.',
        difficulty: 'medium',
        duration: '한 번',
      },
    ],
    en: [
      {
        title: 'Collect the good words',
        description: 'Write down three kind things people said recently, word for word and without comment.',
        difficulty: 'easy',
        duration: '5 minutes',
      },
      {
        title: 'Just say thank you',
        description: 'Answer the next compliment with "thank you" and nothing else.',
        difficulty: 'medium',
        duration: 'once',
      },
    ],
  },
}
