import type { Emotion } from '../emotion.ts'
import type { Language } from '../language.ts'

/** Kinds of message with prepared answers. */
export const OCCASIONS = ['greeting', 'thanks', 'farewell', 'identity', 'diagnosis', 'advice'] as const
export type Occasion = (typeof OCCASIONS)[number]

export type FeltEmotion = Exclude<Emotion, 'neutral'>

/** Sentences of the counsellor. The lists are used in rotation; both languages have the same number of sentences. */
type Sentences = {
  readonly occasions: Readonly<Record<Occasion, readonly string[]>>
  /** Reflections of a feeling in the message. */
  readonly reflections: Readonly<Record<FeltEmotion, readonly string[]>>
  /** Follow-up questions about a feeling. */
  readonly feelingQuestions: readonly string[]
  /** Follow-up questions about something good. */
  readonly gladQuestions: readonly string[]
  /** Reflections of a thought; `{words}` are the user's own. */
  readonly thoughts: readonly string[]
  /** For a message without a clear feeling, when an expression is known. */
  readonly seen: Readonly<Record<FeltEmotion, string>>
  /** For a message without a clear feeling and without an expression. */
  readonly open: readonly string[]
  readonly exercise: string
}

export const SENTENCES: Readonly<Record<Language, Sentences>> = {
  ko: {
    occasions: {
      greeting: [
        '안녕하세요. 오늘은 어떤 이야기를 나누고 싶으신가요?',
        '반갑습니다. 지금 마음에 가장 먼저 떠오르는 것은 무엇인가요?',
      ],
      thanks: [
        '저도 이야기를 들려주셔서 고맙습니다. 더 나누고 싶은 것이 있으신가요?',
        '도움이 되었다니 다행입니다. 지금 마음은 처음과 비교해 어떠신가요?',
      ],
      farewell: [
        '오늘 이야기해 주셔서 고맙습니다. 오늘 나눈 것 가운데 기억해 두고 싶은 것이 있으신가요?',
        '편안한 시간 보내시길 바랍니다. 필요할 때 언제든 다시 이야기해 주세요.',
      ],
      identity: [
        '저는 정해진 규칙으로 답하는 자동 대화 프로그램이고, 사람이나 전문가가 아닙니다. 그래도 생각을 함께 정리해 볼 수는 있습니다. 어떤 이야기부터 해 볼까요?',
      ],
      diagnosis: [
        '저는 진단을 할 수 없고, 진단은 의사나 임상심리 전문가가 직접 만나서 내립니다. 그런 생각이 들게 한 어려움은 어떤 것이었나요?',
      ],
      advice: [
        '정해진 답을 드리기보다 함께 살펴보고 싶습니다. 지금까지 해 본 것 가운데 조금이라도 도움이 된 것은 무엇이었나요?',
        '같은 고민을 가까운 친구가 털어놓는다면, 어떤 말을 해 주고 싶으신가요?',
      ],
    },
    reflections: {
      happy: ['기쁜 마음이 전해집니다.', '좋은 일이 있으셨군요.'],
      sad: ['마음이 많이 무거우셨겠어요.', '슬픈 마음이 느껴집니다.'],
      angry: ['많이 화가 나셨군요.', '속상하고 답답하셨을 것 같아요.'],
      anxious: ['마음이 편치 않고 걱정이 크시군요.', '많이 긴장되고 불안하셨겠어요.'],
      surprised: ['예상하지 못한 일이라 놀라셨겠어요.', '갑작스러운 일이었군요.'],
      disgusted: ['정말 견디기 싫은 일이었군요.', '거부감이 크게 드셨나 봐요.'],
      fearful: ['많이 무서우셨겠어요.', '두려운 마음이 드셨군요.'],
    },
    feelingQuestions: [
      '그런 마음이 들기 바로 전에 어떤 생각이 스쳐 지나갔나요?',
      '그때 있었던 일을 조금 더 들려주시겠어요?',
      '그 마음을 0부터 10까지로 나타낸다면 지금은 어느 정도인가요?',
      '그 마음이 조금이라도 가벼워지는 때는 언제인가요?',
    ],
    gladQuestions: [
      '어떤 점이 가장 기쁘셨나요?',
      '그 일이 가능하도록 스스로 한 일은 무엇이었나요?',
      '그 마음을 조금 더 오래 간직하려면 무엇이 도움이 될까요?',
    ],
    thoughts: [
      '방금 "{words}"라고 하셨는데, 그 생각이 마음을 힘들게 하는 것 같습니다.',
      '"{words}"라는 말에 그동안의 어려움이 담겨 있는 것 같아요.',
      '"{words}"라는 생각을 잠시 같이 살펴보면 좋겠습니다.',
    ],
    seen: {
      happy: '표정이 밝아 보이는데, 실제 마음도 그러신가요?',
      sad: '표정이 조금 무거워 보이는데, 실제 마음은 어떠신가요?',
      angry: '표정에 힘이 들어가 보이는데, 마음에 걸리는 일이 있으신가요?',
      anxious: '조금 긴장되어 보이는데, 신경 쓰이는 일이 있으신가요?',
      surprised: '조금 놀란 듯 보이는데, 뜻밖의 일이 있으셨나요?',
      disgusted: '표정이 불편해 보이는데, 마음에 들지 않는 일이 있으셨나요?',
      fearful: '조금 두려워하는 듯 보이는데, 실제 마음은 어떠신가요?',
    },
    open: [
      '말씀해 주셔서 고맙습니다. 그 일이 마음에는 어떻게 남아 있나요?',
      '조금 더 들려주시겠어요? 그때 어떤 생각이 드셨나요?',
      '그 이야기에서 가장 중요하게 느껴지는 부분은 무엇인가요?',
      '그 일이 어떻게 달라지면 좋겠다고 생각하시나요?',
    ],
    exercise: '괜찮으시다면 작은 연습을 하나 해 보실 수 있습니다.',
  },
  en: {
    occasions: {
      greeting: [
        'Hello. What would you like to talk about today?',
        'Good to have you here. What is the first thing on your mind right now?',
      ],
      thanks: [
        'Thank you for telling me about it. Is there anything else you would like to talk about?',
        'I am glad if it helped. How do you feel now, compared with when we began?',
      ],
      farewell: [
        'Thank you for talking with me today. Is there something from today you would like to keep in mind?',
        'Take care of yourself, and come back whenever you need to.',
      ],
      identity: [
        'I am a program that answers by fixed rules, not a person and not a professional. We can still sort thoughts together. Where shall we begin?',
      ],
      diagnosis: [
        'I cannot diagnose anything; a doctor or a clinical psychologist does that in person. What difficulty made you think of it?',
      ],
      advice: [
        'Rather than give you an answer, I would like to look at it with you. What have you tried so far that helped, even a little?',
        'If a good friend told you about the same trouble, what would you want to say?',
      ],
    },
    reflections: {
      happy: ['I can hear that you are glad.', 'Something good seems to have happened.'],
      sad: ['That sounds like a heavy weight to carry.', 'I can hear the sadness in that.'],
      angry: ['That made you really angry.', 'That sounds upsetting and frustrating.'],
      anxious: ['There seems to be a lot of worry in this.', 'That sounds tense and unsettling.'],
      surprised: ['You did not see that coming.', 'That was sudden.'],
      disgusted: ['That was really hard to put up with.', 'Everything in you seems to have said no to it.'],
      fearful: ['That must have been frightening.', 'I can hear that you were afraid.'],
    },
    feelingQuestions: [
      'What went through your mind just before you felt that way?',
      'Would you tell me a little more about what happened?',
      'If you put that feeling on a scale from 0 to 10, where is it now?',
      'When does that feeling become a little lighter?',
    ],
    gladQuestions: [
      'What about it made you happiest?',
      'What did you do yourself that made it possible?',
      'What would help you to keep that feeling a little longer?',
    ],
    thoughts: [
      'You just said "{words}", and that thought seems to weigh on you.',
      'There seems to be a lot of hardship in the words "{words}".',
      'I would like to look at the thought "{words}" with you for a moment.',
    ],
    seen: {
      happy: 'Your expression seems bright. Is that how you feel?',
      sad: 'Your expression seems a little heavy. How do you really feel?',
      angry: 'Your expression seems tense. Is something bothering you?',
      anxious: 'You seem a little nervous. Is something on your mind?',
      surprised: 'You seem a little surprised. Did something unexpected happen?',
      disgusted: 'Your expression seems uncomfortable. Was there something you did not like?',
      fearful: 'You seem a little afraid. How do you really feel?',
    },
    open: [
      'Thank you for telling me. How does it sit with you now?',
      'Would you tell me a little more? What were you thinking at that time?',
      'What feels most important to you in this?',
      'How would you like it to be different?',
    ],
    exercise: 'If you like, there is a small exercise you could try.',
  },
}

/** Cues of the occasions, in the notation of `text/pattern.ts`. */
export const OCCASION_CUES: Readonly<Record<Occasion, Readonly<Record<Language, readonly string[]>>>> = {
  greeting: {
    ko: ['안녕하세요', '안녕하십니까', '안녕.', '반가워', '반갑습니다', '하이.', '처음 뵙'],
    en: ['hello', 'hi', 'hey', 'hey there', 'good morning', 'good evening', 'good afternoon'],
  },
  thanks: {
    ko: ['고마워', '고맙습니다', '감사합니다', '감사해요', '도움이 됐', '도움이 되었', '땡큐'],
    en: ['thank you', 'thanks', 'that helped', 'that was helpful', 'thx'],
  },
  farewell: {
    ko: [
      '안녕히 계세요',
      '이만 갈게',
      '이만 가볼게',
      '이만 가 볼게',
      '다음에 또',
      '다음에 봬',
      '잘 있어',
      '그만할게',
      '끝낼게요',
      '잘 자',
    ],
    en: ['goodbye', 'bye', 'see you', 'good night', 'have to go', 'gotta go', 'talk later'],
  },
  identity: {
    ko: [
      '(너|넌|넌.|당신은|너는|혹시) … (누구|사람이야|사람이에요|사람인가|로봇|에이아이|인공지능|기계|프로그램)',
      '사람 맞',
      'ai.',
      '누구세요',
      '로봇이',
    ],
    en: ['who are you', 'what are you', 'are you (a |an |)(human|real|person|robot|bot|ai|machine)'],
  },
  diagnosis: {
    ko: [
      '(우울증|공황장애|조울증|불안장애|강박증|adhd|성인 adhd|번아웃|병)(인가|일까|이야|인지|인 것|인 거|인거|인것|맞|이죠|이에요|진단)',
      '진단해',
      '진단 좀',
      '무슨 병',
    ],
    en: [
      '(do|could|might) i (have|be) (depression|adhd|bipolar|anxiety disorder|ptsd|ocd|depressed|autistic)',
      'am i (depressed|bipolar|mentally ill|sick|autistic|crazy)',
      'diagnose me',
      'what disorder',
    ],
  },
  advice: {
    ko: [
      '어떻게 (해야|하면|할까|하지|하죠|해요)',
      '어떡(해|하|할)',
      '뭘 해야',
      '조언',
      '방법 좀',
      '방법이 (있|없)',
    ],
    en: [
      'what (should|can|do) i do',
      'how (should|can|do) i',
      'any advice',
      'give me advice',
      'what would you do',
      'tell me what to do',
    ],
  },
}
