import type { DistortionType } from '../../../src/domain/cbt/distortion.ts'
import type { FeltEmotion, Occasion } from '../../../src/domain/counsellor/sentences.ts'
import type { Emotion } from '../../../src/domain/emotion.ts'

/**
 * What the answer should be about. `thought`: gives back the words and asks about that kind of thought; `feeling`:
 * reflects it; `seen`: asks about the expression; `open`: asks on.
 */
export type Expected =
  | { readonly thought: DistortionType }
  | { readonly feeling: FeltEmotion }
  | { readonly occasion: Occasion }
  | { readonly seen: FeltEmotion }
  | 'crisis'
  | 'open'

export type CounsellorCase = readonly [message: string, seen: Emotion | null, expected: Expected]

export const KOREAN_COUNSELLOR_CASES: readonly CounsellorCase[] = [
  ['안녕하세요', null, { occasion: 'greeting' }],
  ['안녕하세요 요즘 너무 우울해요', null, { feeling: 'sad' }],
  ['고마워요', 'happy', { occasion: 'thanks' }],
  ['다음에 또 올게요', null, { occasion: 'farewell' }],
  ['혹시 사람이세요? 로봇이에요?', null, { occasion: 'identity' }],
  ['저 우울증인가요?', null, { occasion: 'diagnosis' }],
  ['어떻게 해야 할까요', null, { occasion: 'advice' }],
  ['오늘 너무 슬퍼요', null, { feeling: 'sad' }],
  ['팀장이 또 야근을 시켜서 정말 화가 나요', null, { feeling: 'angry' }],
  ['내일 발표라 너무 불안해요', 'neutral', { feeling: 'anxious' }],
  ['합격해서 정말 기뻐요', null, { feeling: 'happy' }],
  ['밤길이 무서워요', null, { feeling: 'fearful' }],
  ['나는 항상 실패해요', null, { thought: 'overgeneralisation' }],
  ['시험에 떨어지면 제 인생은 끝이에요', 'sad', { thought: 'catastrophising' }],
  ['저는 쓸모없는 사람이에요', null, { thought: 'labelling' }],
  ['다들 저를 싫어하는 것 같아요', null, { thought: 'jumping_to_conclusions' }],
  ['칭찬을 들었는데 그냥 운이 좋았을 뿐이에요', null, { thought: 'disqualifying_positive' }],
  ["친구가 '난 항상 실패해'라고 했어요", null, 'open'],
  ['나는 패배자가 아니에요', null, 'open'],
  ['친구가 화났어요', null, 'open'],
  ['슬프지는 않아요', 'sad', { seen: 'sad' }],
  ['점심을 먹었어요', 'anxious', { seen: 'anxious' }],
  ['점심을 먹었어요', null, 'open'],
  ['', null, 'open'],
  ['죽고 싶어요', null, 'crisis'],
  ['나는 항상 실패해서 죽고 싶어', 'happy', 'crisis'],
  ['죽고 싶지는 않아요', null, 'crisis'],
  ['배고파 죽겠어요', null, 'open'],
  ['참 잘났네 ㅋㅋ', 'angry', { seen: 'angry' }],
  ['ㅠㅠㅠ', null, { feeling: 'sad' }],
  ['i feel 너무 외로워', null, { feeling: 'sad' }],
  // negated
  ['슬픈 건 아니고 그냥 피곤해요', null, 'open'],
  ['저는 화난 게 아니에요', 'angry', { seen: 'angry' }],
  ['내가 항상 실패하는 건 아니에요', null, 'open'],
  ['행복하지 않아요', null, { feeling: 'sad' }],
  // quoted
  ['엄마가 "너는 왜 늘 그 모양이니"라고 하셨어요', null, 'open'],
  ['책에 "완벽하지 않으면 실패"라고 쓰여 있었어요', null, 'open'],
  ['"죽고 싶다"는 가사가 자꾸 생각나요', null, 'crisis'],
  // third person
  ['동생이 너무 불안하대요', null, 'open'],
  ['선생님이 저보고 쓸모없는 사람이래요', null, 'open'],
  ['그 사람은 항상 실패해요', null, 'open'],
  ['친구가 죽고 싶대요', null, 'crisis'],
  ['동료가 저한테 너무 화를 내서 무서웠어요', null, { feeling: 'fearful' }],
  // ironic
  ['퍽이나 기쁘겠네요', null, 'open'],
  ['참 좋기도 하겠다', 'angry', { seen: 'angry' }],
  // two things at once: what weighs more is answered
  ['고마워요, 그런데 저는 쓸모없는 사람이에요', null, { thought: 'labelling' }],
]

export const ENGLISH_COUNSELLOR_CASES: readonly CounsellorCase[] = [
  ['Hello', null, { occasion: 'greeting' }],
  ['Hello, I feel terribly lonely these days', null, { feeling: 'sad' }],
  ['thanks!', null, { occasion: 'thanks' }],
  ['bye', null, { occasion: 'farewell' }],
  ['are you a real person?', null, { occasion: 'identity' }],
  ['do I have depression?', null, { occasion: 'diagnosis' }],
  ['What should I do?', null, { occasion: 'advice' }],
  ['I am so sad', null, { feeling: 'sad' }],
  ['My boss makes me so angry', null, { feeling: 'angry' }],
  ['I am worried about tomorrow', null, { feeling: 'anxious' }],
  ['I got the job, I am thrilled', null, { feeling: 'happy' }],
  ['I was terrified last night', null, { feeling: 'fearful' }],
  ['I always fail', null, { thought: 'overgeneralisation' }],
  ['If I fail my life is over', 'sad', { thought: 'catastrophising' }],
  ["I'm such a loser", null, { thought: 'labelling' }],
  ['Everyone hates me', null, { thought: 'jumping_to_conclusions' }],
  ['I just got lucky', null, { thought: 'disqualifying_positive' }],
  ['"I always fail" my friend said', null, 'open'],
  ["I'm not a loser", null, 'open'],
  ['My friend is angry', null, 'open'],
  ["I'm not sad", 'sad', { seen: 'sad' }],
  ['I had lunch', 'anxious', { seen: 'anxious' }],
  ['I had lunch', null, 'open'],
  ['   ', null, 'open'],
  ['I want to die', null, 'crisis'],
  ['I always fail and I want to kill myself', 'happy', 'crisis'],
  ["I don't want to die", null, 'crisis'],
  ['I was dying to see you', null, 'open'],
  ['Oh great, just what I needed', 'angry', { seen: 'angry' }],
  ['😭😭😭', null, { feeling: 'sad' }],
  ['슬퍼 so sad', null, { feeling: 'sad' }],
  // negated
  ["I'm not angry, just tired", null, 'open'],
  ["I'm not angry", 'angry', { seen: 'angry' }],
  ["I don't always fail", null, 'open'],
  ['I am not happy', null, { feeling: 'sad' }],
  // quoted
  ['My mother said "you are worthless"', null, 'open'],
  ['The book says "I always fail" is overgeneralising', null, 'open'],
  ['The line "I want to die" from that song is stuck in my head', null, 'crisis'],
  // third person
  ['My sister says she is so anxious', null, 'open'],
  ['My brother thinks he is a failure', null, 'open'],
  ['He always fails', null, 'open'],
  ['My friend says he wants to die', null, 'crisis'],
  ['My boss shouted and I was scared', null, { feeling: 'fearful' }],
  // ironic
  ['Oh wonderful, working late again, I am so happy', null, 'open'],
  ['Yeah right, as if I were happy about it', null, 'open'],
  ['Great, just great', 'angry', { seen: 'angry' }],
  // two things at once: what weighs more is answered
  ["Thank you, but I'm still so sad", null, { feeling: 'sad' }],
]
