import type { Text } from './document.ts'

/** What a table contains and when its rows are erased, and the file that defines it. */
export type TableDescription = {
  readonly schema: string
  readonly contents: Text
  /** The kind of `RETENTION_DAYS` that erases its rows. */
  readonly retention: 'sessions' | 'conversations' | 'counselings' | 'feedback' | 'audit' | null
  /** When rows are erased apart from `RETENTION_DAYS` and the erasure of a session or an account. */
  readonly erased: Text
}

const WITH_ACCOUNT: Text = { ko: '계정 삭제 시', en: 'with the account' }
const WITH_SESSION: Text = { ko: '세션 또는 계정 삭제 시', en: 'with the session or the account' }

/** Every table of the database that concerns users or the operation of the server. */
export const TABLE_DESCRIPTIONS: Readonly<Record<string, TableDescription>> = {
  users: {
    schema: 'src/db/schema/accounts.ts',
    contents: {
      ko: '계정: 이름, 이메일, 비밀번호 해시(argon2id), 프로필 이미지 주소, 역할, 감싼 데이터 키',
      en: 'accounts: name, e-mail, password hash (argon2id), address of a profile image, role, wrapped data key',
    },
    retention: null,
    erased: WITH_ACCOUNT,
  },
  refresh_families: {
    schema: 'src/db/schema/accounts.ts',
    contents: {
      ko: '로그인된 기기: 무작위 식별자, 카운터, 시각(토큰은 저장하지 않음)',
      en: 'logged-in devices: random id, counter, times (no token)',
    },
    retention: null,
    erased: { ko: '만료 후 또는 계정 삭제 시', en: 'after their expiry, or with the account' },
  },
  user_preferences: {
    schema: 'src/db/schema/accounts.ts',
    contents: { ko: '화면 설정과 언어', en: 'settings of the pages, and the language' },
    retention: null,
    erased: WITH_ACCOUNT,
  },
  baselines: {
    schema: 'src/db/schema/accounts.ts',
    contents: {
      ko: '사용자의 무표정 측정값(다음 세션용, 별도 동의가 있을 때만)',
      en: 'measures of the neutral face for the next session, only with a consent of its own',
    },
    retention: null,
    erased: {
      ko: '동의 철회 또는 계정 삭제 시',
      en: 'with the withdrawal of the consent, or with the account',
    },
  },
  sessions: {
    schema: 'src/db/schema/sessions.ts',
    contents: {
      ko: '세션: 시작·종료 시각, 상태, 언어, 프레임 수, 세션 중 학습한 무표정 측정값',
      en: 'sessions: start, end, status, language, number of frames, the neutral face learnt so far as measures',
    },
    retention: 'sessions',
    erased: WITH_SESSION,
  },
  emotion_windows: {
    schema: 'src/db/schema/sessions.ts',
    contents: {
      ko: '구간별 추정 결과(8가지 표정의 확률, 각성도 등)와 얼굴 측정값, 말의 일부(최대 280자)',
      en: 'results by window (probabilities of eight expressions, valence, arousal, dominance), measures of the face, and up to 280 characters of speech',
    },
    retention: 'sessions',
    erased: WITH_SESSION,
  },
  reports: {
    schema: 'src/db/schema/sessions.ts',
    contents: { ko: '세션 보고서', en: 'reports of sessions' },
    retention: 'sessions',
    erased: WITH_SESSION,
  },
  conversations: {
    schema: 'src/db/schema/sessions.ts',
    contents: { ko: '상담 AI와 주고받은 메시지', en: 'messages to the AI counsellor and its answers' },
    retention: 'conversations',
    erased: WITH_SESSION,
  },
  conversation_locks: {
    schema: 'src/db/schema/sessions.ts',
    contents: {
      ko: '진행 중인 답변의 잠금(내용 없음)',
      en: 'locks of answers in progress, without contents',
    },
    retention: 'sessions',
    erased: WITH_SESSION,
  },
  voice_windows: {
    schema: 'src/db/schema/sessions.ts',
    contents: {
      ko: '구간별 음성 측정값(말의 비율과 길이, 단어 없음)',
      en: 'measures of the voice by window (share and length of speech, never words)',
    },
    retention: 'sessions',
    erased: WITH_SESSION,
  },
  cbt_findings: {
    schema: 'src/db/schema/sessions.ts',
    contents: {
      ko: '발견된 인지 왜곡과 제공한 연습, 자해 관련 표현 여부(문장은 저장하지 않음)',
      en: 'cognitive distortions found and exercises offered, and whether there was self-harm language; without the words',
    },
    retention: 'sessions',
    erased: WITH_SESSION,
  },
  counselings: {
    schema: 'src/db/schema/care.ts',
    contents: { ko: '상담 예약, 메모, 설문', en: 'appointments, notes and surveys' },
    retention: 'counselings',
    erased: WITH_ACCOUNT,
  },
  feedbacks: {
    schema: 'src/db/schema/care.ts',
    contents: { ko: '세션 평가와 메모', en: 'ratings of sessions, and notes' },
    retention: 'feedback',
    erased: WITH_SESSION,
  },
  consents: {
    schema: 'src/db/schema/trust.ts',
    contents: {
      ko: '동의 기록: 목적, 문구의 버전, 시각, 철회 시각',
      en: 'consent receipts: purpose, version of the text, time, time of the withdrawal',
    },
    retention: null,
    erased: WITH_ACCOUNT,
  },
  tickets: {
    schema: 'src/db/schema/trust.ts',
    contents: { ko: '일회용 소켓 티켓의 해시', en: 'hashes of single-use socket tickets' },
    retention: null,
    erased: { ko: '몇 초 후 만료', en: 'they expire after seconds' },
  },
  throttles: {
    schema: 'src/db/schema/trust.ts',
    contents: {
      ko: '로그인 실패 횟수(계정과 주소의 해시별)',
      en: 'failed logins, by hashes of accounts and addresses',
    },
    retention: null,
    erased: { ko: '일정 시간 후', en: 'after some time' },
  },
  audit_log: {
    schema: 'src/db/schema/trust.ts',
    contents: {
      ko: '감사 기록: 사건, 가명, 시각, 네트워크 주소(내용 없음)',
      en: 'audit trail: event, pseudonyms, time, network address; never contents',
    },
    retention: 'audit',
    erased: {
      ko: '가명의 키는 계정과 함께 삭제됨',
      en: 'the key of the pseudonyms is erased with the account',
    },
  },
  model_usage: {
    schema: 'src/db/schema/models.ts',
    contents: {
      ko: '모델별 하루 요청 수와 비용(개인 데이터 없음)',
      en: 'requests and cost of models by day; no personal data',
    },
    retention: null,
    erased: { ko: '삭제하지 않음', en: 'not erased' },
  },
  model_allowances: {
    schema: 'src/db/schema/models.ts',
    contents: { ko: '모델 요청 한도(개인 데이터 없음)', en: 'request limits of models; no personal data' },
    retention: null,
    erased: { ko: '삭제하지 않음', en: 'not erased' },
  },
}
