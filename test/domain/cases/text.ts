import type { Emotion } from '../../../src/domain/emotion.ts'

/** What the reader should say; `unsure` where an honest reader does not stand behind a label, whichever it is. */
export type TextCase = readonly [text: string, expected: Emotion | 'unsure']

export const KOREAN_TEXT_CASES: readonly TextCase[] = [
  // said plainly
  ['오늘 정말 행복해', 'happy'],
  ['너무 슬퍼서 눈물이 나', 'sad'],
  ['진짜 화가 나서 참을 수가 없어', 'angry'],
  ['내일 면접이라 불안하고 초조해요', 'anxious'],
  ['깜짝 놀랐어 이런 선물을 받을 줄은 몰랐어', 'surprised'],
  ['그 사람 생각만 해도 역겨워', 'disgusted'],
  ['밤에 혼자 있으면 너무 무서워', 'fearful'],
  ['오늘은 그냥 평소처럼 무난하게 지냈어요', 'neutral'],
  ['요즘 계속 우울하고 외로워요', 'sad'],
  ['시험에 붙어서 날아갈 것 같아요', 'happy'],
  // negated
  ['나 하나도 안 슬퍼', 'unsure'],
  ['슬프지 않아', 'unsure'],
  ['행복하지는 않다', 'sad'],
  ['기분이 좋지 않아요', 'sad'],
  ['화난 건 아니야', 'unsure'],
  ['안 무섭다고 하면 거짓말이지, 진짜 무서워', 'fearful'],
  ['행복하지 않은 건 아니에요', 'unsure'],
  // wish
  ['나도 행복해지고 싶다', 'sad'],
  // quoted and reported
  ['"너무 행복해"라고 친구가 말했다', 'unsure'],
  ["엄마가 '슬프다'고 하셨어", 'unsure'],
  ['동생이 무섭대', 'unsure'],
  // third person
  ['친구가 화났어', 'unsure'],
  ['친구가 떠나서 슬퍼', 'sad'],
  ['아버지는 늘 화를 내셨고 나는 무서웠어', 'fearful'],
  ['상사가 너무 싫어', 'angry'],
  ['언니가 우울해하는데 나는 괜찮아', 'neutral'],
  // contrast
  ['아침에는 힘들었지만 지금은 기분이 좋아요', 'happy'],
  ['다들 축하해 줬는데 나는 왠지 슬펐어', 'sad'],
  // ironic
  ['아주 잘나셨네 ㅋㅋ 또 내가 다 해야 되네', 'unsure'],
  ['월요일부터 야근이라니 참 행복하다 하하 🙃', 'unsure'],
  // emoji, typing of the street, typos
  ['ㅠㅠㅠㅠ', 'sad'],
  ['오늘 최고야 😄🎉', 'happy'],
  ['ㅠㅠ 너무 좋아 감동이야', 'happy'],
  ['개빡친다 진짜', 'angry'],
  ['넘 행복햏ㅎㅎ', 'happy'],
  ['불안해 미치겟어', 'anxious'],
  ['짜증나죽겠네', 'angry'],
  ['배고파 죽겠다', 'unsure'],
  ['😡😡', 'angry'],
  // mixed language
  ['오늘 meeting 때문에 stress 받아서 짜증나', 'angry'],
  ['나 지금 so happy 해 ㅎㅎ', 'happy'],
  // nothing to read
  ['오늘 점심은 김치찌개를 먹었다', 'unsure'],
  ['', 'unsure'],
  ['평화나눔 센터에 다녀왔어요', 'unsure'],
  // met later
  ['아이가 처음으로 걸었어요, 가슴이 벅차요', 'happy'],
  ['오랜만에 친구들 만나서 실컷 웃었어요', 'happy'],
  ['할머니가 돌아가셔서 마음이 텅 빈 것 같아요', 'sad'],
  ['요새 밥맛도 없고 자꾸 눈물만 나요', 'sad'],
  ['새치기하는 사람 때문에 진짜 열받았어', 'angry'],
  ['왜 맨날 나만 시키는 거야, 짜증나 미치겠네', 'angry'],
  ['결과 발표가 코앞이라 손에 땀이 나고 잠이 안 와요', 'anxious'],
  ['돈 문제로 걱정이 태산이에요', 'anxious'],
  ['갑자기 뒤에서 누가 불러서 깜짝 놀랐어요', 'surprised'],
  ['음식에서 벌레가 나와서 토할 뻔했어요', 'disgusted'],
  ['혼자 골목길을 걷는데 누가 따라오는 것 같아서 소름이 끼쳤어요', 'fearful'],
  ['병원 가기가 겁나요', 'fearful'],
  ['별로 기쁘지도 않더라고요', 'sad'],
  ['화나지는 않았어, 그냥 그랬어', 'neutral'],
  ['누나가 엄청 우울해 보였어요', 'unsure'],
  ['선생님이 "너무 기쁘다"고 하셨어요', 'unsure'],
  ['와 정말 대단하다, 또 지각이네 ㅋㅋ', 'unsure'],
  ['처음엔 떨렸는데 막상 하고 나니 뿌듯했어요', 'happy'],
  ['오늘 회의는 세 시에 있어요', 'unsure'],
  ['특별할 것 없는 보통 하루였어요', 'neutral'],
]

export const ENGLISH_TEXT_CASES: readonly TextCase[] = [
  ['I am so happy today', 'happy'],
  ["I feel really sad and I can't stop crying", 'sad'],
  ['This makes me furious', 'angry'],
  ["I'm nervous about tomorrow's interview", 'anxious'],
  ['Wow, I did not see that coming, I am shocked', 'surprised'],
  ['That smell is disgusting, it makes me sick', 'disgusted'],
  ["I'm terrified of being alone at night", 'fearful'],
  ['It was an ordinary day, nothing special', 'neutral'],
  ['I have been feeling lonely and down lately', 'sad'],
  ['I passed the exam, best day ever!', 'happy'],
  // negated
  ["I'm not sad", 'unsure'],
  ['I am not happy at all', 'sad'],
  ["I don't feel angry about it", 'unsure'],
  ["I'm not unhappy", 'unsure'],
  ['I have never been happier', 'happy'],
  ["I couldn't be happier", 'happy'],
  ["I can't stop worrying", 'anxious'],
  ['no longer afraid of anything', 'unsure'],
  // wish and condition
  ['I wish I were happy', 'sad'],
  // quoted and reported
  ['"I am so happy" she said', 'unsure'],
  ['My mother told me that she was sad', 'unsure'],
  ['"I am furious!" I yelled', 'angry'],
  // third person
  ['My friend is angry', 'unsure'],
  ['My friend makes me angry', 'angry'],
  ['He was happy but I was terrified', 'fearful'],
  ['She is depressed and I am worried about her', 'anxious'],
  // contrast
  ["The morning was awful but now I'm happy", 'happy'],
  ['Everyone was celebrating, yet I felt sad', 'sad'],
  // ironic
  ['Oh great, another monday. Just what I needed', 'unsure'],
  ['Yeah right, I am sooo happy about working late 🙄', 'unsure'],
  // emoji, typing of the street, typos
  ['😭😭', 'sad'],
  ['best news ever 🎉😄', 'happy'],
  ['im so hapy rn', 'happy'],
  ['dont feel good today', 'sad'],
  ['i am soooo scared', 'fearful'],
  ['ugh gross 🤢', 'disgusted'],
  ['I AM SO ANGRY', 'angry'],
  // intensity
  ['I am a bit worried', 'anxious'],
  // mixed language
  ['feeling 너무 우울해 today', 'sad'],
  ['my boss is so 짜증나', 'angry'],
  // nothing to read
  ['The train leaves at nine', 'unsure'],
  ['asdf qwer', 'unsure'],
  ['I would like to order a coffee', 'unsure'],
  ["I'm okay, just the usual", 'neutral'],
  // met later
  ['We finally got the keys to our new house and I am beaming', 'happy'],
  ['Had such a lovely evening with my sister', 'happy'],
  ['My dog passed away and the house feels so empty', 'sad'],
  ['I just lie in bed and cry most evenings', 'sad'],
  ['They lied to my face again and I am boiling with rage', 'angry'],
  ['Why does nobody ever clean up after themselves, it drives me nuts', 'angry'],
  ['My heart is racing, what if the results are bad', 'anxious'],
  ['I keep worrying about money', 'anxious'],
  ['I was stunned when they called my name', 'surprised'],
  ['There was mould in the cup, absolutely revolting', 'disgusted'],
  ['Someone followed me home and I was scared to death', 'fearful'],
  ['I dread going to the hospital', 'fearful'],
  ["I wasn't glad about it at all", 'sad'],
  ["I'm not mad, just tired", 'unsure'],
  ['My sister seems really depressed', 'unsure'],
  ['"I feel great" was all he said', 'unsure'],
  ['Wonderful, the printer is broken again. Thanks a lot', 'unsure'],
  ['I was shaking before the talk, but afterwards I felt proud', 'happy'],
  ['The meeting is at three', 'unsure'],
  ['Pretty average day, nothing to report', 'neutral'],
]
