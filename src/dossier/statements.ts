import { fact, file, type Item, setting, type Row, type Text } from './document.ts'
import type { Facts } from './facts.ts'
import { TABLE_DESCRIPTIONS } from './stored-tables.ts'

/** Statements that several documents share. Each follows the configuration and names what it follows from. */

export const identity = ({ version, commit }: Facts): Item =>
  fact(
    {
      ko: `시스템: maeum ${version}, 커밋 ${commit}. 자체 서버에서 운영하는 실시간 표정 분석 서버입니다.`,
      en: `System: maeum ${version}, commit ${commit}, a self-hosted server for real-time emotion sessions.`,
    },
    [...file('package.json'), ...setting('GIT_COMMIT')],
  )

export const purpose = ({ analysis }: Facts): Item =>
  analysis.enabled
    ? fact(
        {
          ko: `목적: 얼굴의 점 좌표에서 ${analysis.intervalMs / 1000}초마다 겉으로 드러난 표정을 추정하여 사용자에게 보여 줍니다. 실제 감정을 알아내거나 진단하는 시스템이 아닙니다.`,
          en: `Purpose: the system estimates the apparent expression from face landmarks every ${analysis.intervalMs / 1000} seconds and shows it to the user. It does not detect what a person feels and makes no diagnosis.`,
        },
        [...file('docs/model-card.md'), ...setting('ANALYSIS_INTERVAL_MS')],
      )
    : fact(
        {
          ko: '이 구성에서는 표정 분석이 꺼져 있습니다. 상담 AI, 상담 예약 등 나머지 기능만 동작합니다.',
          en: 'In this configuration the analysis of facial expressions is off. Only the other functions work.',
        },
        setting('INFERENCE_ENABLED'),
      )

export const input: Item = fact(
  {
    ko: '입력: 브라우저가 카메라 영상에서 찾은 얼굴의 점 좌표(468개 또는 478개). 서버는 영상을 받지 않으며, 점의 좌표는 저장하거나 기록하지 않습니다. 구간별 측정값은 저장합니다.',
    en: 'Input: 468 or 478 face landmarks that the browser finds in the camera image. The server accepts no image of a face and never stores or logs landmarks. It stores measures of each window.',
  },
  file('docs/architecture.md', 'docs/websocket.md'),
)

export const output: Item = fact(
  {
    ko: '출력: 구간마다 8가지 표정 이름 중 하나와 각각의 확률, 신뢰도, 정서가·각성도·지배도, 결과를 만든 모델 이름. 근거가 부족하면 uncertain으로 표시합니다.',
    en: 'Output: for each window one of eight labels with a probability for each, a confidence, valence, arousal and dominance, and the name of the model. A result without enough support is marked `uncertain`.',
  },
  file('src/domain/emotion.ts', 'docs/websocket.md'),
)

export const models = ({ gemini, analyser }: Facts): Item =>
  gemini === null
    ? fact(
        {
          ko: `모델: 서버에 포함된 분석기 ${analyser}만 사용합니다. GEMINI_API_KEY가 설정되지 않아 어떤 데이터도 외부 모델로 보내지 않습니다.`,
          en: `Models: only the built-in analyser ${analyser}. GEMINI_API_KEY is not set, so no data is sent to an external model.`,
        },
        [...setting('GEMINI_API_KEY'), ...file('docs/model-card.md')],
      )
    : fact(
        {
          ko: `모델: 서버에 포함된 분석기 ${analyser}, 그리고 Gemini 모델 ${gemini.models.join(', ')}(접속 주소 ${gemini.host}). 서버는 처리 지역을 지정하지 않습니다.`,
          en: `Models: the built-in analyser ${analyser}, and the Gemini models ${gemini.models.join(', ')} at ${gemini.host}. The server does not select a region of processing.`,
        },
        [...setting('GEMINI_API_KEY', 'GEMINI_MODELS', 'GEMINI_BASE_URL'), ...file('docs/model-card.md')],
      )

export const database = ({ database: found }: Facts): Item =>
  found === null
    ? fact(
        {
          ko: '데이터베이스: 서버와 같은 컴퓨터의 DATA_DIR에 있는 내장 PostgreSQL.',
          en: 'Database: the embedded PostgreSQL under DATA_DIR, on the machine of the server.',
        },
        setting('DATABASE_URL', 'DATA_DIR'),
      )
    : fact(
        {
          ko: `데이터베이스: ${found.host}의 PostgreSQL, 연결 암호화: ${{ off: '없음', verify: 'TLS(인증서 확인)', unverified: 'TLS(인증서 확인 없음)' }[found.tls]}.`,
          en: `Database: PostgreSQL at ${found.host}, connection ${{ off: 'without TLS', verify: 'with verified TLS', unverified: 'with TLS that is not verified' }[found.tls]}.`,
        },
        setting('DATABASE_URL', 'DATABASE_CA_CERT'),
      )

export const encryption = ({ encrypts }: Facts): Item =>
  encrypts
    ? fact(
        {
          ko: '저장 시 암호화: 켜짐. 측정값, 대화, 보고서, 메모 등은 사용자마다 다른 키로 AES-256-GCM 암호화되며, 그 키는 운영자 키로 감쌉니다. 켜기 전에 저장된 데이터의 상태는 `maeum keys status`로 확인합니다. 표정 이름, 점수, 정서가 등 값으로 검색되는 열은 암호화되지 않습니다.',
          en: 'Encryption at rest: on. Measures, conversations, reports and notes are encrypted with AES-256-GCM under a key of each user, which an operator key wraps. `maeum keys status` shows fields that were stored before it was on. Columns that are queried by value, such as labels, scores and axes, are not encrypted.',
        },
        [...setting('DATA_KEYS'), ...file('src/db/sealed-columns.ts')],
      )
    : fact(
        {
          ko: '저장 시 암호화: 꺼짐. DATA_KEYS가 설정되지 않아 서버는 필드를 암호화하지 않습니다.',
          en: 'Encryption at rest: off. DATA_KEYS is not set, and the server encrypts no field.',
        },
        [...setting('DATA_KEYS'), ...file('src/db/sealed-columns.ts')],
      )

export const backups = ({ encryptsBackups }: Facts): Item =>
  fact(
    encryptsBackups
      ? {
          ko: '백업: 명령줄로 만든 백업은 BACKUP_KEY로 암호화됩니다.',
          en: 'Backups: those of the command line are encrypted with BACKUP_KEY.',
        }
      : {
          ko: '백업: BACKUP_KEY가 설정되지 않아 명령줄로 만든 백업은 그 자체로는 암호화되지 않습니다.',
          en: 'Backups: BACKUP_KEY is not set, so those of the command line are not encrypted as a whole.',
        },
    setting('BACKUP_KEY'),
  )

export const consent = ({ requiresConsent }: Facts): Item =>
  requiresConsent
    ? fact(
        {
          ko: '동의: 필수. emotion_analysis 동의가 없으면 얼굴과 음성을 분석하지 않고 그 결과도 저장하지 않습니다. 무표정 측정값을 다음 세션에 쓰려면 carry_baseline 동의가 따로 필요합니다. 동의와 철회는 기록됩니다.',
          en: 'Consent: required. Without a consent to `emotion_analysis` no face and no voice is analysed and no result is stored. Keeping the neutral face for the next session needs a consent to `carry_baseline`. Consents and withdrawals are recorded.',
        },
        [...setting('REQUIRE_CONSENT'), ...file('src/domain/consent.ts')],
      )
    : fact(
        {
          ko: '동의: 서버가 요구하지 않습니다(REQUIRE_CONSENT 꺼짐). 무표정 측정값을 다음 세션에 쓰는 것만 carry_baseline 동의가 필요합니다. 다른 법적 근거가 없다면 켜야 합니다.',
          en: 'Consent: not required by the server (REQUIRE_CONSENT is off). Only keeping the neutral face for the next session needs a consent, to `carry_baseline`. Turn it on unless there is another legal basis.',
        },
        [...setting('REQUIRE_CONSENT'), ...file('src/domain/consent.ts')],
      )

const KINDS = ['sessions', 'conversations', 'counselings', 'feedback', 'audit'] as const
const KIND_NAMES = {
  sessions: { ko: '세션과 그 결과·보고서', en: 'sessions with their results and reports' },
  conversations: { ko: '대화', en: 'conversations' },
  counselings: { ko: '상담 예약', en: 'counselling appointments' },
  feedback: { ko: '평가', en: 'feedback' },
  audit: { ko: '감사 기록', en: 'audit trail' },
} as const

/** Conversations and feedback are rows of a session. */
const WITH_SESSIONS: readonly string[] = ['conversations', 'feedback']

function describeRetention(kind: (typeof KINDS)[number], days: Facts['retentionDays']): Text {
  const [own, session] = [days[kind], days.sessions]
  if (session !== undefined && WITH_SESSIONS.includes(kind) && session <= (own ?? session))
    return {
      ko: `세션과 함께 삭제(${session}일 후)`,
      en: `erased with their session, after ${session} days`,
    }
  return own === undefined
    ? { ko: '자동으로 삭제하지 않음', en: 'not erased automatically' }
    : { ko: `${own}일 후 매일 밤 삭제`, en: `erased every night after ${own} days` }
}

export const retention = ({ retentionDays }: Facts): Item => ({
  kind: 'table',
  columns: [
    { ko: '데이터', en: 'Data' },
    { ko: '보존 기간', en: 'Retention' },
  ],
  rows: [
    ...KINDS.map(
      (kind): Row => ({
        cells: [KIND_NAMES[kind], describeRetention(kind, retentionDays)],
        from: setting('RETENTION_DAYS'),
      }),
    ),
    {
      cells: [
        { ko: '계정과 나머지 데이터', en: 'accounts and all other data' },
        {
          ko: '사용자 또는 운영자가 계정을 삭제할 때까지',
          en: 'until the user or the operator erases the account',
        },
      ],
      from: file('docs/architecture.md'),
    },
  ],
})

export const storedData = ({ tables, encrypts }: Facts): Item => ({
  kind: 'table',
  columns: [
    { ko: '테이블', en: 'Table' },
    { ko: '내용', en: 'Contents' },
    { ko: '암호화된 열', en: 'Encrypted columns' },
    { ko: '삭제', en: 'Erased' },
  ],
  rows: tables.flatMap(({ name, sealed }) => {
    const found = TABLE_DESCRIPTIONS[name]
    if (found === undefined) return []
    const columns = sealed.map((column) => `\`${column}\``).join(', ')
    const shown =
      sealed.length === 0 ? '-' : encrypts ? columns : { ko: `꺼짐(${columns})`, en: `off (${columns})` }
    return [
      {
        cells: [`\`${name}\``, found.contents, shown, found.erased],
        from: [...file(found.schema), ...(sealed.length === 0 ? [] : setting('DATA_KEYS'))],
      },
    ]
  }),
})

export const access = ({ requiresTicket, publicHost }: Facts): Item[] => [
  fact(
    requiresTicket
      ? {
          ko: '소켓: 몇 초 동안 유효한 일회용 티켓이 필요합니다.',
          en: 'Sockets: a single-use ticket, valid for seconds, is required.',
        }
      : {
          ko: '소켓: 세션 id(무작위 192비트)만으로 연결됩니다. 티켓은 필수가 아닙니다.',
          en: 'Sockets: the session id (192 random bits) is sufficient. Tickets are not required.',
        },
    [...setting('WS_REQUIRE_TICKET'), ...file('SECURITY.md')],
  ),
  fact(
    publicHost === null
      ? {
          ko: '공개 주소가 설정되지 않았습니다(PUBLIC_URL). 암호화된 연결(https, wss)은 앞단의 프록시가 제공해야 합니다.',
          en: 'No public address is set (PUBLIC_URL). A proxy in front has to provide encrypted connections (https, wss).',
        }
      : {
          ko: `공개 주소의 호스트: ${publicHost}.`,
          en: `Host of the public address: ${publicHost}.`,
        },
    setting('PUBLIC_URL'),
  ),
]

export const rights: Item = fact(
  {
    ko: '사용자의 권리: 사용자는 자신의 모든 데이터를 내려받고, 세션이나 계정을 삭제하고, 동의를 철회할 수 있습니다. 삭제하면 서명된 영수증을 받습니다. 백업에는 백업이 존재하는 동안 데이터가 남습니다.',
    en: 'Rights of users: a user can export all own data, erase a session or the account, and withdraw a consent. An erasure returns a signed receipt. Backups keep the data for as long as they exist.',
  },
  file('src/features/privacy/routes.ts', 'docs/operations.md'),
)

export const auditTrail: Item = fact(
  {
    ko: '감사 기록: 로그인, 거부된 접근, 내보내기, 삭제, 동의 등의 사건이 해시로 연결된 추가 전용 기록에 남으며 `maeum audit verify`로 검증합니다. 내용은 기록하지 않습니다.',
    en: 'Audit trail: logins, refused access, exports, erasures and consents are recorded in an append-only hash chain that `maeum audit verify` verifies. It has no contents.',
  },
  file('src/features/audit/verify.ts', 'SECURITY.md'),
)

export const crisis = ({ crisisLines }: Facts): Item => {
  const lines = (language: 'ko' | 'en') =>
    crisisLines[language].map(({ name, number }) => `${name} ${number}`).join(', ')
  return fact(
    {
      ko: `자해 관련 표현이 발견되면 연습이나 모델 답변 대신 상담 전화를 안내합니다: ${lines('ko')}. 탐지는 완전하지 않습니다.`,
      en: `If self-harm language is detected, the user sees crisis lines instead of exercises and model answers: ${lines('en')}. The detection is not complete.`,
    },
    [...setting('CRISIS_LINES'), ...file('src/domain/crisis/lines.ts')],
  )
}
