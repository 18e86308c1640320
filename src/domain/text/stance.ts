import type { Message } from './message.ts'
import { isOtherKo, isOtherSubjectKo, OTHERS_EN, SELF_EN, SELF_KO } from './people.ts'

/** The stance of the user towards a phrase of the message. */
type Stance = {
  readonly negated: boolean
  /** Double negation: weakly affirmed ("not unhappy"). */
  readonly doubled: boolean
  /** Said by or about another person. */
  readonly reported: boolean
  /** Wished for, therefore absent. */
  readonly wished: boolean
}

export type Span = { readonly start: number; readonly end: number; readonly gaps?: readonly string[] }

const CONTEXT_BEFORE = 70
const CONTEXT_AFTER = 24

// Korean negation follows the word (-지 않다, -ㄴ 건 아니다, 없다) or precedes it (안, 못).
const KO_NOT_AFTER =
  /^[가-힣]{0,4}?지(?:는|도|를|가|만은)? ?(?:는|도)? ?(?:않|안|못|마|말)|^[가-힣]{0,4}?진 ?(?:않|안|못)/
const KO_NOT_THOUGHT =
  /^[가-힣]{0,5}[다라]고(?:는|도)? ?(?:생각|여기|느끼|믿|보)[가-힣]{0,2}지(?:는|도)? ?않|^[가-힣]{0,3} (?:생각|마음)(?:은|이|도) (?:이제 |전혀 |더는 |더 이상 )?(?:안 |없(?!어지))/
const KO_IS_NOT =
  /^[가-힣]{0,5}(?: ?(?:건|것은|것이|것도|게|거|거는|적은|뜻은|정도는|사람은|사람이))? ?(?:절대 |전혀 )?(?:아니|아냐|아닙|아닌데|아닌 )/
const KO_NONE =
  /^[가-힣]{0,2}(?:이|은|는|도|가)? (?:전혀 |하나도 )?(?:없(?!어지)|안 (?:들|나|해|하|생기|돼|됩)|들지 않|나지 않)/
const KO_NOT_BEFORE = /(?:^|\s)(?:안|못|덜) ?$/
const KO_NOT_IN_GAP = /(?:^|\s)(?:안|못) /
const KO_TAKEN_BACK = /않[가-힣]{0,2} ?(?:건|것은|게|것도) ?아니|거짓말/
const KO_WISH = /^[가-힣]{0,4}고 ?싶|^[가-힣]{0,5}면 ?(?:좋겠|좋을|소원)/

const EN_NOT =
  /\b(?:not|no|never|dont|doesnt|didnt|isnt|arent|wasnt|werent|wont|cant|cannot|couldnt|wouldnt|aint|hardly|barely|without|neither|nor|havent|hasnt)(?! (?:stop|help|only|just)\b)(?: (?!(?:why|because|but|and|only|just|sure|know|i|im|ive)\b)[a-z]+){0,3} $/
const EN_NOT_THINK =
  /\b(?:dont|not|didnt|never|doesnt) (?:think|believe|say|saying|mean|that|feel like)(?: that)?(?: i| im| i am| my)?(?: [a-z]+){0,2} $/
const EN_NOT_IN_GAP = /\b(?:not|isnt|never|doesnt|dont|wont|arent|wasnt)\b/
const EN_WISH =
  /\b(?:i wish|if only|want to (?:be|feel)|wanna (?:be|feel)|would like to (?:be|feel)|hope to (?:be|feel)|wish to (?:be|feel))(?: [a-z]+){0,4} $/

// Whom the phrase is about: the nearest preceding subject decides.
const KO_HEARSAY =
  /^[가-힣]{0,6}(?:대|대요|래|래요|다더라|라더라|다던데|라던데|더라|더라고|더라고요)(?![가-힣])/
const KO_SAID =
  /^[가-힣]{0,6}(?:다|라|냐|자)고 (?:말|했|하[고더였셨시]|하(?= )|한다|생각한대|그랬|그러|얘기|이야기|설명)/
/** -어하다 describes a feeling observed in another person: 슬퍼하다, 무서워하다, 우울해하다. */
const KO_OBSERVED = /(?:해|워|어|퍼|뻐|파|려|겨) ?(?:하|해|했|한|할|함)/
const NEXT_WORD = /^[가-힣]{0,3} ([가-힣]+)/
const NEXT_WORD_EN = /^ ([a-z]+)/
const EN_SPEECH =
  /^(?:says|said|say|told|tells|thinks|think|thought|claims|claimed|believes|calls|called|tweeted|wrote|feels)$/

type Subject = 'self' | 'other' | undefined

function findKoreanSubject(before: readonly string[]): Subject {
  for (const word of before.toReversed()) {
    if (SELF_KO.has(word)) return 'self'
    if (isOtherSubjectKo(word)) return 'other'
  }
  return undefined
}

/** Reported speech ("My boss told me I ..."), whatever the subject of the quoted clause. */
const isSpokenByOther = (before: readonly string[]) =>
  before.some(
    (word, index) =>
      OTHERS_EN.has(word) && before.slice(index + 1, index + 4).some((next) => EN_SPEECH.test(next)),
  )

function findEnglishSubject(before: readonly string[]): Subject {
  for (const word of before.toReversed()) {
    if (SELF_EN.has(word)) return 'self'
    if (OTHERS_EN.has(word)) return 'other'
  }
  return undefined
}

const findSubject = (words: readonly string[]) => findEnglishSubject(words) ?? findKoreanSubject(words)

/**
 * Determines the stance towards the phrase at `span` from its clause.
 * `aboutThing`: phrases whose grammatical subject causes the feeling and does not feel it (상사가 싫어).
 */
export function readStance(message: Message, { start, end, gaps = [] }: Span, aboutThing = false): Stance {
  const { text } = message
  const clause = message.clauseAt(start)
  const before = text.slice(Math.max(clause.start, start - CONTEXT_BEFORE), start)
  // A clause may end inside the matched word (슬퍼서); the rest of the word still belongs to it.
  const after = text.slice(end, Math.max(end, Math.min(message.clauseAt(end - 1).end, end + CONTEXT_AFTER)))
  const korean = /[가-힣]/.test(text.slice(start, end))
  const between = gaps.join(' ')
  const words = message.wordsBetween(start - before.length, start)

  const isDenied = korean
    ? [KO_NOT_AFTER, KO_NOT_THOUGHT, KO_IS_NOT, KO_NONE].some((rule) => rule.test(after)) ||
      KO_NOT_BEFORE.test(before) ||
      KO_NOT_IN_GAP.test(between)
    : EN_NOT.test(before) || EN_NOT_THINK.test(before) || EN_NOT_IN_GAP.test(between)
  const doubled = isDenied && korean && KO_TAKEN_BACK.test(text.slice(end, end + CONTEXT_AFTER))

  const subject =
    (between === '' ? undefined : findSubject(message.wordsBetween(start + 1, end))) ?? findSubject(words)
  const observed =
    korean &&
    KO_OBSERVED.test(text.slice(end - 1, end + 3)) &&
    (subject ?? (aboutThing ? 'self' : 'other')) === 'other'
  const hearsay = KO_HEARSAY.test(after) || (subject === 'other' && KO_SAID.test(after))
  const isAboutOther =
    (subject === 'other' && !aboutThing) ||
    isSpokenByOther(words) ||
    observed ||
    (korean && (hearsay || isOtherKo(NEXT_WORD.exec(after)?.[1] ?? ''))) ||
    (!korean && OTHERS_EN.has(NEXT_WORD_EN.exec(after)?.[1] ?? ''))

  return {
    negated: isDenied && !doubled,
    doubled,
    reported: message.quotedAt(start) || isAboutOther,
    wished: korean ? KO_WISH.test(after) : EN_WISH.test(before),
  }
}
