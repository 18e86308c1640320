import type { Emotion } from '../emotion.ts'
import type { Language } from '../language.ts'

/**
 * Emotion words, written for this project, separated by commas, in the notation of `pattern.ts`. `felt`: the subject of the
 * sentence feels it. `caused`: the subject causes it in the speaker (무서워, disgusting). `slight`: weak evidence.
 */
type Words = { readonly felt: string; readonly caused: string; readonly slight: string }

export const EMOTION_WORDS: Readonly<Record<Emotion, Readonly<Record<Language, Words>>>> = {
  happy: {
    ko: {
      felt:
        '행복, 해피, 기쁘, 기뻐, 기쁨, 즐거, 즐겁, 신나, 신났, 신이 나, 뿌듯, 설레, 설렜, 들뜨, 들떠, 들떴, 흐뭇, 편안, 홀가분, 후련, ' +
        '날아갈 것 같, 기분 좋, 기분이 좋, 기분이 너무 좋, 기분이 정말 좋, 기분이 참 좋, 기분 최고, 만족스러, 만족해, 살맛, 감동이, 감동 받, 감동받, 마음이 놓이, 마음이 놓였, 안심, 벅차, 벅찼, 감격, 유쾌, 상쾌, 기대돼, 기대된, 기대되, 뭉클, 황홀, 짜릿, 개운, 꿈만 같, 자랑스, 든든, 반가워, 반가웠, 마음이 편, 살 것 같, 실컷 웃, 평화로, 희망이 생, 신난',
      caused:
        '좋아., 좋아요, 좋다, 좋네, 좋았, 좋은 하루, 최고야, 최고예요, 최고다, 고마워, 고맙, 감사합니다, 감사해, 감사하, 다행, 재밌, 재미있, 재미났, 사랑해, 사랑스러, 잘됐, 잘 됐, 잘 풀려, 잘 풀렸, 웃음이 나, 웃겨, 대박, 환상적, 힐링, 완벽한 하루, 기분 전환, 멋져, 멋지, 맛있, 소중한',
      slight: '좋, 웃었, 합격, 붙었, 축하, ㅎ, 😀, 😃, 😁, 😂, 웃음, 이겼, 성공, 선물, 휴가',
    },
    en: {
      felt:
        'happy, happier, hapy, glad, joyful, joy, delighted, thrilled, cheerful, excited, proud, grateful, thankful, relieved, content, ' +
        'over the moon, on cloud nine, in a good mood, feel good, feel great, feeling good, feeling great, couldnt be happier, never been happier, never felt better, cant wait, overjoyed, ecstatic, pleased, blessed, enjoying, enjoyed, beaming, elated, hopeful, optimistic, satisfied, at peace, peaceful, looking forward, celebrating, feels great, feels amazing, on top of the world, pumped, stoked, chuffed, bliss*, giddy, joyous, refreshed, fulfilled, couldnt stop smiling, cant stop smiling',
      caused:
        'wonderful, amazing, awesome, fantastic, best day, best news, best day ever, best news ever, love it, i love, loved it, great news, so much fun, had fun, made my day, makes me smile, good news, lovely, great time, good time, hilarious, hooray, woohoo, so cute, dream come true, adorable, beautiful day, perfect day, delightful',
      slight:
        'good, great, nice, fun, smile, smiling, laughed, passed, not bad, yay, better, laughing, laugh, won, celebrate, gift, cute, glad',
    },
  },
  sad: {
    ko: {
      felt:
        '슬프, 슬퍼, 우울, 외로, 외롭, 서글프, 서글퍼, 서러, 서럽, 눈물, 울고 싶, 울었, 울어, 울 것 같, 울컥, 펑펑 울, 허전, 공허, 허무, 쓸쓸, 비참, 절망, 상실감, 속상, ' +
        '기운이 없, 기운 없, 의욕이 없, 의욕 없, 무기력, 마음이 아프, 마음이 아파, 마음 아파, 가슴이 아프, 가슴이 아파, 가슴 아파, 기분이 안 좋, 기분 안 좋, 기분이 별로, 기분이 처지, 처져, 낙담, 실망, 상처받, 상처 받, 마음이 무거, 버림받, 텅 빈, 텅 비, 울적, 침울, 의기소침, 풀이 죽, 초라, 비통, 처량, 먹먹, 가슴이 찢, 마음이 찢, 미어져, 미어지, 좌절, 자괴감, 그리움, 살맛이 안, 사는 낙이 없, 눈시울, 애통, 흐느, 훌쩍, 축 처, 기운이 하나도 없, 허탈, 눈물만',
      caused:
        '그립, 그리워, 안타까, 안타깝, 안 좋아, 안 좋네, 안 좋다, 안 괜찮, 괜찮지 않, 안쓰러, 밥맛이 없, 밥맛도 없, 입맛이 없, 입맛도 없, 서운, 섭섭',
      slight:
        '힘들, 힘드, 지쳤, 지쳐, 지친, 외톨이, 아쉬, 아쉽, 후회, ㅠ, ㅜ, 보고 싶, 혼자, 돌아가셨, 돌아가셔, 헤어졌, 헤어져, 이별, 떠났, 잃었, 괴로, 괴롭, 아무것도 하기 싫, 버거',
    },
    en: {
      felt: 'sad, sadder, unhappy, depressed, heartbroken, lonely, miserable, hopeless, crying, cry, cried, tears, teary, grief, grieving, sorrow, gloomy, feel down, feeling down, down lately, feel empty, feeling empty, devastated, feel blue, feeling blue, disappointed, hurt, homesick, lost all hope, in a bad mood, feel low, feeling low, feel bad, not okay, not ok, not fine, dont feel good, cant stop crying, broken inside, upset, feel numb, i miss, mourning, sob*, weep*, bawling, hollow, melancholy, down in the dumps, let down, rejected, abandoned, unloved, gutted, crushed, despair, discouraged, sadness, heartbreak, falling apart, aching, feels empty, feels so empty, dejected, heavy heart, low spirits, in tears, burst into tears, grieve, ache',
      caused:
        'awful, heartbreaking, depressing, terrible day, saddens me, worst day, breaks my heart, sucks, passed away, broke up, rough day, lost my, tragic',
      slight:
        'bad, tired, exhausted, alone, sorry, worn out, lost, regret, sigh, empty, funeral, breakup, broken, died, miss him, miss her, miss you, left me, drained, hopelessly, struggling',
    },
  },
  angry: {
    ko: {
      felt: '화나, 화났, 화 나, 화 났, 화가 나, 화가 났, 화내, 화 내, 화를 내, 화를 냈, 화가 치, 빡치, 빡쳐, 빡쳤, 빡친, 열받, 열 받, 열이 받, 분노, 분하, 분해 죽, 억울, 성나, 성질나, 성질 나, 뚜껑 열, 부글부글, 욱하, 욱했, 욱해, 격분, 약 올라, 약올라, 약이 오르, 화딱지, 격노, 신경질, 분통, 울화, 킹받, 치가 떨, 이가 갈, 원망, 배신감, 약이 올, 열이 뻗, 열불, 욕이 나, 욕 나, 폭발할 것',
      caused:
        '짜증, 싫어., 싫어요, 싫다, 싫네, 싫었, 너무 싫, 정말 싫, 미워, 밉다, 밉네, 괘씸, 어이없, 어이가 없, 기가 막혀, 얄미, 얄밉, 꼴 보기 싫, 꼴보기 싫, 지긋지긋, 용서가 안, 용서할 수 없, 못 참겠, 못마땅, 황당, 어처구니, 진상, 재수 없, 뻔뻔, 무례',
      slight:
        '답답, 불쾌, 무시당, 참을 수가 없, 불만, 스트레스, stress, 따졌, 소리를 질, 미치겠, 부당, 새치기',
    },
    en: {
      felt: 'angry, furious, mad, pissed, pissed off, enraged, outraged, irritated, annoyed, frustrated, fed up, livid, resentful, resent, rage, fuming, lost my temper, losing my temper, cross with, had enough, bitter about, boiling, seething, fury, outrage, ticked off, sick of, betrayed, resentment, wound up, raging, seeing red, steaming, indignant, lost it',
      caused:
        'infuriating, annoying, frustrating, irritating, annoys me, pisses me off, drives me crazy, unfair, i hate, hate it, hate this, hate him, hate her, hate them, makes my blood boil, so rude, cant stand, how dare, drives me nuts, driving me nuts, driving me crazy, gets on my nerves, bugs me, ridiculous, outrageous, so unfair, disrespectful, i hate how, makes me mad, makes me so mad',
      slight: 'unacceptable, stupid, damn, wtf, yelled, screamed, lied to, rude, selfish',
    },
  },
  anxious: {
    ko: {
      felt: '불안, 초조, 긴장, 걱정, 조마조마, 안절부절, 떨려, 떨리, 염려, 마음이 조급, 조급, 심란, 마음이 안 놓, 잠이 안 와, 잠을 못 자, 잠을 못 잤, 두근거려 죽, 신경 쓰여, 신경쓰여, 압박감, 부담스러, 부담돼, 부담 돼, 막막, 손에 땀, 노심초사, 전전긍긍, 애가 타, 속이 타, 입이 바짝, 입술이 바짝, 조바심, 근심, 숨이 막, 가슴이 답답, 뒤척, 가슴이 두근, 심장이 두근, 불면, 마음이 급',
      caused: '',
      slight: '두근, 예민, 걸려, 스트레스, 복잡, 혼란, 어떡하지, 어떡해, 망설, 코앞',
    },
    en: {
      felt: 'anxious, nervous, worried, worry, worrying, worries, stressed, stressed out, uneasy, tense, on edge, restless, overwhelmed, panicking, anxiety, apprehensive, cant sleep, cant relax, freaking out, butterflies in my stomach, cant stop worrying, under pressure, concerned, dreading, heart is racing, heart races, my heart was racing, heart pounding, jittery, panicky, fret*, keep worrying, cant breathe, insecure, tossing and turning, apprehens*, agitated, a bundle of nerves, in knots, stress, sick with worry, losing sleep',
      caused: 'stressful, nerve wracking, worries me, stresses me',
      slight: 'pressure, unsure, confused, overthinking, what if, deadline, nerves, pacing, racing',
    },
  },
  neutral: {
    ko: {
      felt: '담담, 덤덤, 차분, 무덤덤, 평온, 아무렇지',
      caused:
        '그냥 그래, 그저 그래, 그럭저럭, 무난, 보통이, 평소처럼, 평소와 같, 평범, 괜찮, 별일 없, 특별한 일은 없, 특별한 일 없, 똑같은 하루, 그냥 그랬, 보통 하루, 보통의 하루, 특별할 것 없, 별거 없, 별다른 일, 여느 때, 그냥저냥, 늘 그렇, 나쁘지 않, 무던, 별 감정이 없, 별 느낌',
      slight: '그냥, 평소, 보통, 그저',
    },
    en: {
      felt: 'calm, indifferent, okay, ok, alright, fine',
      caused:
        'nothing special, ordinary day, so so, as usual, the usual, same as always, nothing much, just a normal day, business as usual, uneventful, average day, nothing to report, meh, same old, regular day, routine day, normal day, nothing happened, no strong feelings, nothing out of the ordinary, neither good nor bad',
      slight: 'ordinary, normal, average',
    },
  },
  surprised: {
    ko: {
      felt: '놀라, 놀랐, 놀란, 깜짝, 당황, 충격, 얼떨떨, 어안이 벙벙, 소름 돋, 놀랍, 놀라운, 놀라워, 어리둥절, 멘붕, 말문이 막, 입이 떡, 입이 벌어, 눈이 휘둥, 기겁, 화들짝, 멍했, 휘둥그레, 기절초풍, 심장이 멎는 줄',
      caused:
        '뜻밖, 예상 못, 예상치 못, 예상도 못, 상상도 못, 믿기지 않, 믿을 수가 없, 믿을 수 없, 생각지도 못, 이럴 줄은 몰랐, 줄은 몰랐, 헐',
      slight: '갑자기, 세상에, 와우, 어머, 😮, 😲, 😯, 설마, 반전, 이럴 수가, 뭐라고',
    },
    en: {
      felt: 'surprised, shocked, astonished, stunned, amazed, startled, speechless, taken aback, caught off guard, blown away, gobsmacked, baffled, flabbergasted, dumbfounded, mind blown, jaw dropped, astonish*, taken by surprise, my jaw, bewildered',
      caused:
        'unexpected, did not see that coming, didnt see that coming, cant believe, couldnt believe, out of nowhere, unbelievable, what a surprise, no way, never expected, didnt expect, blew my mind, plot twist, out of the blue, to my surprise, surprising, surprisingly, no idea that, never imagined',
      slight: 'wow, omg, sudden, suddenly, whoa',
    },
  },
  disgusted: {
    ko: {
      felt: '구역질, 토할 것 같, 토 나와, 토나와, 속이 메스꺼, 메스꺼, 메스껍, 비위 상, 비위가 상, 환멸, 정떨어, 정이 떨어, 토할 뻔, 토할 지경, 토가 나, 토 나, 진절머리, 넌더리, 속이 뒤집, 속이 울렁, 헛구역',
      caused:
        '역겨, 역겹, 징그러, 징그럽, 혐오, 더러워, 더럽, 극혐, 구역질 나, 끔찍하게 싫, 소름 끼쳐 싫, 추잡, 역한, 꺼림칙, 불결, 더러운, 비호감, 쳐다보기도 싫, 구역질나, 악취, 상한 냄새, 썩은, 징글징글',
      slight: '으웩, 우웩, 지저분, 벌레, 곰팡이, 바퀴벌레, 찝찝',
    },
    en: {
      felt: 'disgusted, repulsed, grossed out, nauseated, want to vomit, want to throw up, sickened, revolted, nauseous, gagging, queasy, threw up, disgust',
      caused:
        'disgusting, gross, repulsive, revolting, nasty, makes me sick, makes me want to vomit, makes my skin crawl, disgusts me, vile, creepy, filthy, stinks, stench, makes me gag, made me gag, icky, slimy, foul, sickening, rotten, repuls*, turns my stomach, turned my stomach, grosses me out, makes me nauseous',
      slight: 'ew, eww, yuck, dirty, mould, mold, moldy, mouldy, puke, vomit, maggots, cockroach',
    },
  },
  fearful: {
    ko: {
      felt: '두려, 두렵, 겁나., 겁났, 겁이 나, 겁이 났, 겁먹, 공포, 오싹, 벌벌 떨, 식은땀, 패닉, 공황, 소름이 끼, 무시무시, 으스스, 섬찟, 후들후들, 등골, 가위눌, 간담, 떨면서, 겁에 질, 무서움, 두려움',
      caused: '무서, 무섭, 섬뜩, 소름 끼, 소름끼, 겁나요, 겁난, 소름 돋게 무서, 살벌',
      slight: '위협, 악몽, 조심스러',
    },
    en: {
      felt: 'afraid, scared, terrified, frightened, fearful, fear, petrified, horrified, panicked, scared to death, freaked out, in panic, panic attack, i dread, horror, spooked, panic, haunted, in danger, phobia, shaking with fear, dread, frozen with fear, trembling, unsafe, fears',
      caused:
        'scary, terrifying, scares me, frightening, frightens me, creeps me out, terrifies me, horrifying, chilling, spooky, menacing, horrifies me, gave me chills, made me jump',
      slight: 'nightmare, danger, threatened, shaking',
    },
  },
}

/** Emoji, used for both languages. */
export const EMOJI: Readonly<Partial<Record<Emotion, string>>> = {
  happy: '😊 😄 😃 😁 😆 🥰 😍 🤗 🎉 🥳 😋 😎 ❤ 💕 💖 ☺ 👍 ^^ :) :-) :d <3',
  sad: '😢 😭 😞 😔 😥 😓 💔 😿 🥺 ☹ 🙁 :( :-( ㅠ.ㅠ ㅜ.ㅜ t_t t.t',
  angry: '😡 😠 🤬 😤 💢 👿',
  anxious: '😰 😟 😬 😣 😖',
  surprised: '😲 😮 😯 😳 🤯 😦',
  disgusted: '🤢 🤮',
  fearful: '😨 😱 😧 🫣',
}

/** Words that strengthen or weaken the feeling in the same clause. */
export const STRONGER =
  '너무, 넘, 진짜, 정말, 매우, 무척, 아주, 엄청, 굉장히, 몹시, 완전, 존나, 졸라, 개., 미치겠, 미치겟, 죽겠, 죽을 것 같, so, very, really, extremely, totally, incredibly, super, deeply, absolutely, such'
export const WEAKER =
  '조금, 약간, 살짝, 좀., 다소, 그나마, a bit, a little, slightly, somewhat, kinda, kind of, sort of'

/** Signs of irony. */
export const IRONY =
  '참 행복하다 하하, 참 잘났, 아주 잘났, 잘나셨, 퍽이나, 어련하, 참 잘도, 잘하는 짓, 참 고맙네, 눈물나게 고맙, 아주 그냥 최고네, 참 대단하, 대단하시네, 좋기도 하겠, 🙃, 🙄, 😒, ' +
  'yeah right, oh great, just great, just what i needed, thanks a lot for nothing, thanks for nothing, oh joy, how lovely another, what a joy, big surprise, lucky me, /s., oh wonderful, oh perfect, great another, (wonderful|great|fantastic|perfect|brilliant|lovely) … (broken again|again), thanks a lot., nice going, (대단하|대단해|훌륭하|훌륭해|고맙네|좋겠다|잘한다) … ㅋ,  이라니 참, 라니 참'
