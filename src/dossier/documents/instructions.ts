import { aiAct, type Dossier, fact, file, type Item, open, setting } from '../document.ts'
import type { Facts } from '../facts.ts'
import * as legal from '../legal.ts'
import * as say from '../statements.ts'
import { accuracyTable, limits } from './model-card.ts'

/** Instructions for use, with the contents of Art. 13(3) of the EU AI Act. */
export const instructionsForUse = (facts: Facts): Dossier => ({
  name: 'instructions-for-use',
  title: { ko: '사용 설명서', en: 'Instructions for use' },
  introduction: {
    ko: '시스템을 사용하는 기관과 상담사를 위한 문서입니다. EU 인공지능법 제13조 제3항의 항목을 따릅니다.',
    en: 'For the organisation that uses the system and its counsellors. The sections follow Art. 13(3) of the EU AI Act.',
  },
  sections: [
    {
      heading: { ko: '제공자와 시스템', en: 'Provider and system' },
      items: [
        open({
          ko: '제공자의 이름과 연락처, 해당하는 경우 권한 있는 대리인.',
          en: 'Name and contact details of the provider and, where applicable, of its authorised representative.',
        }),
        say.identity(facts),
        say.purpose(facts),
        say.models(facts),
      ],
    },
    {
      heading: { ko: '입력과 결과 해석', en: 'Input, and how to read the results' },
      items: [say.input, say.output, timing(facts), ...reading],
    },
    {
      heading: { ko: '정확도와 한계', en: 'Accuracy and limits' },
      items: [accuracyTable(facts), ...limits],
    },
    {
      heading: { ko: '해서는 안 되는 사용', en: 'Uses to avoid' },
      items: [legal.prohibited, ...misuse],
    },
    {
      heading: { ko: '사람의 감독', en: 'Human oversight' },
      items: oversight(facts),
    },
    {
      heading: { ko: '자원과 유지 관리', en: 'Resources and maintenance' },
      items: maintenance,
    },
    {
      heading: { ko: '기록', en: 'Logs' },
      items: [say.auditTrail, logs],
    },
  ],
})

const timing = ({ analysis, gemini }: Facts): Item =>
  fact(
    {
      ko: `구간은 ${analysis.intervalMs / 1000}초이고 최대 ${analysis.maxFrames}개 프레임을 분석합니다. 결과는 ${gemini === null ? '구간이 끝나면 바로' : `구간이 끝난 뒤 늦어도 ${analysis.deadlineMs / 1000}초 안에`} 나옵니다.`,
      en: `A window is ${analysis.intervalMs / 1000} seconds long, and at most ${analysis.maxFrames} frames are analysed. The result follows ${gemini === null ? 'at once after its end' : `at the latest ${analysis.deadlineMs / 1000} seconds after its end`}.`,
    },
    setting(
      'ANALYSIS_INTERVAL_MS',
      'MAX_FRAMES_PER_ANALYSIS',
      'ANALYSIS_DEADLINE_MS',
      'GEMINI_TIMEOUT_MS',
      'GEMINI_API_KEY',
    ),
  )

const reading: readonly Item[] = [
  fact(
    {
      ko: '결과는 한 구간에 보인 표정의 추정입니다. 하나의 결과보다 세션 전체의 흐름을 보고, uncertain 결과에는 의미를 두지 않습니다.',
      en: 'A result estimates the expression in one window. Look at the course of a session rather than at a single result, and give no meaning to one that is `uncertain`.',
    },
    file('docs/model-card.md'),
  ),
  fact(
    {
      ko: '카메라를 정면으로 보고 얼굴이 화면에 모두 들어와야 합니다. 고개를 35도 넘게 돌린 프레임은 다른 프레임이 있으면 제외됩니다. 세션을 시작할 때 무표정을 측정하면(calibrate) 정확도가 높아집니다.',
      en: 'The face must look towards the camera and be inside the image. Frames with the head turned by more than 35 degrees are excluded if there are others. A neutral face recorded at the beginning (`calibrate`) makes the results better.',
    },
    file('docs/model-card.md', 'docs/websocket.md'),
  ),
]

const misuse: readonly Item[] = [
  fact(
    {
      ko: '진단, 치료 결정, 채용, 평가, 징계, 보험, 신용처럼 사람에 관한 결정에 사용해서는 안 됩니다.',
      en: 'The results must not be used for diagnosis, treatment, recruitment, evaluation, discipline, insurance, credit or any other decision about a person.',
    },
    file('docs/model-card.md'),
  ),
  fact(
    {
      ko: '거짓말, 의도, 성격을 판단하는 데 사용해서는 안 됩니다. 시스템은 겉으로 드러난 표정만 추정합니다.',
      en: 'The results must not be used to judge truthfulness, intention or character. The system estimates the apparent expression only.',
    },
    file('docs/model-card.md'),
  ),
]

const oversight = (facts: Facts): Item[] => [
  fact(
    {
      ko: '사용자는 언제든지 세션을 일시 정지하거나 끝낼 수 있습니다. 시스템은 결과에 따라 아무 조치도 스스로 하지 않으며, 상담 전화와 연습을 제안할 뿐입니다.',
      en: 'The user can pause or end a session at any time. The system takes no action on a result; it only suggests crisis lines and exercises.',
    },
    file('docs/architecture.md', 'src/domain/crisis/lines.ts'),
  ),
  say.crisis(facts),
  fact(
    {
      ko: '운영자는 INFERENCE_ENABLED=false로 분석을 끄고, GEMINI_API_KEY를 지워 외부 모델을 끕니다. 두 설정 모두 서버를 다시 시작하면 적용됩니다.',
      en: 'The operator turns off the analysis with INFERENCE_ENABLED=false, and external models by removing GEMINI_API_KEY. Both take effect at the next start.',
    },
    setting('INFERENCE_ENABLED', 'GEMINI_API_KEY'),
  ),
  open({
    ko: '결과를 보는 사람의 이름과 역할, 교육, 결과에 이의를 제기하는 방법.',
    en: 'Who sees the results, in which role and with which training, and how a person can contest a result.',
  }),
]

const maintenance: readonly Item[] = [
  fact(
    {
      ko: '필요한 것: Node 20.19 이상, PostgreSQL 14 이상, 메모리 512MB부터. 지원하는 브라우저는 문서에 있습니다.',
      en: 'Required: Node 20.19 or newer, PostgreSQL 14 or newer, memory from 512 MB. The supported browsers are documented.',
    },
    file('docs/support.md', 'docs/operations.md'),
  ),
  fact(
    {
      ko: '최신 버전만 유지 관리됩니다. 업데이트 전에 CHANGELOG를 읽고, 업데이트 후에 `maeum doctor`로 점검합니다.',
      en: 'Only the newest version is maintained. Read the changelog before an update and run `maeum doctor` after it.',
    },
    file('SECURITY.md', 'CHANGELOG.md'),
  ),
]

const logs: Item = fact(
  {
    ko: '구간마다 결과, 모델과 분석기의 버전, 측정값이 저장되므로 `maeum replay`로 결과를 다시 계산할 수 있습니다. 고위험 시스템을 사용하는 자는 로그를 최소 6개월 보관해야 합니다.',
    en: 'Each window is stored with its result, the versions of model and analyser, and its measures: `maeum replay` computes the result again. A deployer of a high-risk system keeps its logs for at least six months.',
  },
  [...file('src/db/schema/sessions.ts', 'docs/cli.md'), ...aiAct('Art. 26(6)'), ...setting('RETENTION_DAYS')],
)
