import {
  type Dossier,
  type Section,
  fact,
  file,
  gdpr,
  type Item,
  open,
  type Row,
  setting,
  type Source,
  type Text,
} from '../document.ts'
import type { Facts } from '../facts.ts'
import * as legal from '../legal.ts'
import { recipients } from '../recipients.ts'
import * as say from '../statements.ts'

/** Data protection impact assessment, with the contents of Art. 35(7) of the GDPR. */
export const dataProtectionAssessment = (facts: Facts): Dossier => ({
  name: 'data-protection-impact-assessment',
  title: { ko: '개인정보 영향평가', en: 'Data protection impact assessment' },
  introduction: {
    ko: 'GDPR 제35조 제7항을 따르는 서식입니다. 구성에서 알 수 있는 내용은 채워져 있습니다.',
    en: 'A template by Art. 35(7) of the GDPR. What follows from the configuration is filled in.',
  },
  sections: [description(facts), necessity(facts), risks(facts), decision],
})

const description = (facts: Facts): Section => ({
  heading: { ko: '(a) 처리의 설명', en: '(a) Description of the processing' },
  items: [
    say.identity(facts),
    say.purpose(facts),
    say.input,
    say.output,
    say.models(facts),
    ...recipients(facts),
    say.database(facts),
    say.storedData(facts),
    say.retention(facts),
  ],
})

const necessity = (facts: Facts): Section => ({
  heading: { ko: '(b) 필요성과 비례성', en: '(b) Necessity and proportionality' },
  items: [
    fact(
      {
        ko: '최소화: 영상 대신 좌표를 받고, 좌표를 구간별 측정값으로 줄인 뒤 버립니다. 음성은 저장하지 않으며, 인지 왜곡은 문장 없이 저장합니다.',
        en: 'Minimisation: the server receives landmarks instead of images, reduces them to measures of a window and discards them. Audio is never stored, and cognitive distortions are stored without the words.',
      },
      file('docs/architecture.md'),
    ),
    say.consent(facts),
    say.rights,
    legal.informing,
    open({
      ko: '목적에 이 처리가 필요한 이유, 검토한 대안, 법적 근거.',
      en: 'Why the processing is necessary for the purpose, alternatives considered, and the legal basis.',
    }),
  ],
})

const risks = (facts: Facts): Section => ({
  heading: { ko: '(c), (d) 위험과 조치', en: '(c), (d) Risks and measures' },
  items: [
    riskTable(facts),
    open({
      ko: '위험마다 가능성과 심각성, 남은 위험에 대한 판단.',
      en: 'Likelihood and severity of each risk, and the decision about the residual risks.',
    }),
  ],
})

const decision: Section = {
  heading: { ko: '의견과 결정', en: 'Advice and decision' },
  items: [
    open({
      ko: '개인정보 보호책임자의 의견(제35조 제2항), 정보주체 또는 대표자의 의견(제35조 제9항).',
      en: 'Advice of the data protection officer (Art. 35(2)), and views of data subjects or their representatives (Art. 35(9)).',
    }),
    fact(
      {
        ko: '조치 후에도 위험이 높다면 처리를 시작하기 전에 감독기관과 협의해야 합니다.',
        en: 'If the risk stays high in spite of the measures, the supervisory authority is consulted before the processing begins.',
      },
      gdpr('Art. 36(1)'),
    ),
    open({ ko: '결정, 날짜, 다음 검토일.', en: 'Decision, date, and date of the next review.' }),
  ],
}

const risk = (name: Text, measure: Text, from: readonly Source[]): Row => ({ cells: [name, measure], from })

const riskTable = (facts: Facts): Item => ({
  kind: 'table',
  columns: [
    { ko: '위험', en: 'Risk' },
    { ko: '이 구성의 조치', en: 'Measure in this configuration' },
  ],
  rows: [...risksOfData(facts), ...risksOfUse(facts)],
})

const risksOfData = ({ encrypts, requiresTicket, retentionDays }: Facts): Row[] => [
  risk(
    { ko: '잘못된 추정을 사실로 받아들임', en: 'A wrong estimate is taken for a fact' },
    {
      ko: '신뢰도와 uncertain 표시, 보고서의 안내 문장, 결과에 따른 자동 조치 없음',
      en: 'confidence and `uncertain`, the sentence in every report, no automatic action on a result',
    },
    file('docs/model-card.md', 'src/domain/report/words.ts'),
  ),
  risk(
    { ko: '데이터베이스나 백업의 유출', en: 'The database or a backup is disclosed' },
    encrypts
      ? { ko: '사용자별 키로 필드 암호화', en: 'fields encrypted under a key of each user' }
      : { ko: '조치 없음: DATA_KEYS를 설정해야 함', en: 'none: set DATA_KEYS' },
    setting('DATA_KEYS'),
  ),
  risk(
    { ko: '세션 id를 본 사람이 소켓에 연결', en: 'A person who has seen a session id connects to it' },
    requiresTicket
      ? { ko: '일회용 티켓 필수', en: 'single-use tickets are required' }
      : {
          ko: '무작위 192비트 id, 로그에는 앞부분만 기록. 티켓을 필수로 할 수 있음',
          en: 'ids of 192 random bits, only their beginning in logs; tickets can be required',
        },
    setting('WS_REQUIRE_TICKET'),
  ),
  risk(
    { ko: '필요 이상으로 오래 보관', en: 'Data is kept for longer than necessary' },
    Object.keys(retentionDays).length > 0
      ? { ko: '보존 기간이 설정되어 매일 밤 삭제됨', en: 'erased every night after the configured time' }
      : {
          ko: '자동 삭제 없음: RETENTION_DAYS를 설정해야 함',
          en: 'no automatic erasure: set RETENTION_DAYS',
        },
    setting('RETENTION_DAYS'),
  ),
]

const risksOfUse = ({ gemini }: Facts): Row[] => [
  risk(
    { ko: '외부 모델 제공자의 이용', en: 'Use by the provider of an external model' },
    gemini === null
      ? { ko: '해당 없음: 외부 모델을 사용하지 않음', en: 'does not apply: no external model is used' }
      : {
          ko: '측정값만 전송(상담 메시지는 원문), 이름과 id 없음. 유료 키가 필요함',
          en: 'only measures (messages to the counsellor as written), no names or ids; a paid key is needed',
        },
    setting('GEMINI_API_KEY'),
  ),
  risk(
    { ko: '집단에 따라 다른 오류', en: 'Errors differ between groups of persons' },
    { ko: '측정되지 않음: 운영자가 확인해야 함', en: 'not measured: the operator has to check' },
    file('docs/model-card.md'),
  ),
  risk(
    { ko: '위기 상황을 놓침', en: 'A crisis is missed' },
    {
      ko: '자해 관련 표현이 발견되면 상담 전화를 안내. 탐지는 완전하지 않음',
      en: 'crisis lines if self-harm language is detected; the detection is not complete',
    },
    [...file('src/domain/crisis/lines.ts'), ...setting('CRISIS_LINES')],
  ),
]
