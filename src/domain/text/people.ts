/** Words for other people, whose feelings must not be attributed to the user. */
const OTHERS_KO: ReadonlySet<string> = new Set(
  (
    '친구 엄마 아빠 어머니 아버지 어머 아버 부모 동생 언니 누나 형 오빠 남편 아내 와이프 딸 아들 아이 애 그애 ' +
    '상사 팀장 부장 과장 대리 사장 선생 교수 의사 상담사 동료 직원 선배 후배 손님 고객 이웃 룸메 룸메이트 ' +
    '할머니 할아버지 삼촌 이모 고모 사촌 조카 시어머니 시아버지 장모 장인 ' +
    '남친 여친 남자친구 여자친구 애인 전남친 전여친 그이 그녀 그 걔 쟤 얘 누군가 ' +
    '사람 남자 여자 학생 주인공 배우 가수 자기 너 당신'
  ).split(' '),
)

/** Other people as a subject without a particle or with a contracted one. */
const SUBJECTS_KO: ReadonlySet<string> = new Set('걔 쟤 얘 넌 누가 네가 니가 다들 모두들'.split(' '))

export const SELF_KO: ReadonlySet<string> = new Set(
  '나 저 난 전 내가 제가 나는 저는 나도 저도 나만 저만 내 제 날 나를 저를 내겐 나에겐'.split(' '),
)

export const SELF_EN: ReadonlySet<string> = new Set('i im ive id ill me my myself mine we us our'.split(' '))

export const OTHERS_EN: ReadonlySet<string> = new Set(
  (
    'he she they hes shes theyre him them his their you youre your ' +
    'friend friends mom mum mother dad father brother sister boss husband wife son daughter teacher professor ' +
    'coworker colleague girlfriend boyfriend partner neighbour neighbor roommate grandmother grandma grandfather ' +
    'grandpa uncle aunt cousin nephew niece kid kids child children man woman men women guy girl boy people person ' +
    'someone somebody everyone everybody nobody customer client student students doctor therapist character actor'
  ).split(' '),
)

const SUBJECT_PARTICLES = ['이가', '이는', '께서는', '께서', '이', '가', '은', '는', '도'] as const
const HONORIFIC = /(?:님|들|분|네)+$/

/** Another person as the subject: `친구는`, `팀장님이`, `민수씨가`. */
export function isOtherSubjectKo(word: string): boolean {
  if (SUBJECTS_KO.has(word)) return true
  const particle = SUBJECT_PARTICLES.find((ending) => word.endsWith(ending))
  if (particle === undefined) return false
  const noun = word.slice(0, -particle.length)
  return OTHERS_KO.has(noun) || OTHERS_KO.has(noun.replace(HONORIFIC, '')) || /.[씨님]$/.test(noun)
}

/** A word for another person with any particle: `친구를`, `동생한테`. */
export const isOtherKo = (word: string): boolean =>
  [2, 3, 4].some((length) => length <= word.length && OTHERS_KO.has(word.slice(0, length)))
