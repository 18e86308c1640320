import { aiAct, type Dossier, fact, file, type Item, open, type Section } from '../document.ts'
import type { Facts } from '../facts.ts'
import * as legal from '../legal.ts'
import * as say from '../statements.ts'
import { accuracyTable, limits } from './model-card.ts'

/** Technical documentation, with the sections of Annex IV of the EU AI Act. */
export const technicalDocumentation = (facts: Facts): Dossier => ({
  name: 'technical-documentation',
  title: { ko: '기술 문서', en: 'Technical documentation' },
  introduction: {
    ko: 'EU 인공지능법 제11조와 부속서 IV의 순서를 따릅니다. 각 항목은 소스의 문서와 설정을 가리킵니다.',
    en: 'The sections follow Art. 11 and Annex IV of the EU AI Act. Each item refers to documents of the source and to settings.',
  },
  sections: [general(facts), development(facts), control(facts), ...rest],
})

const general = (facts: Facts): Section => ({
  heading: { ko: '1. 일반 설명', en: '1. General description' },
  items: [
    open({ ko: '제공자의 이름.', en: 'Name of the provider.' }),
    say.identity(facts),
    say.purpose(facts),
    legal.highRisk,
    fact(
      {
        ko: '다른 시스템과의 연결: REST(openapi.json), 세션마다 세 개의 WebSocket(asyncapi.yaml), PostgreSQL, 설정된 경우 외부 모델.',
        en: 'Interaction with other systems: REST (openapi.json), three WebSockets per session (asyncapi.yaml), PostgreSQL and, if configured, an external model.',
      },
      file('openapi.json', 'asyncapi.yaml', 'docs/architecture.md'),
    ),
    fact(
      {
        ko: '소프트웨어 버전: package.json과 package-lock.json에 고정되어 있습니다. 하드웨어: 일반 CPU이며 GPU가 필요하지 않습니다.',
        en: 'Versions of software: pinned in package.json and package-lock.json. Hardware: an ordinary CPU; no GPU is needed.',
      },
      file('package.json', 'package-lock.json', 'docs/operations.md'),
    ),
    fact(
      {
        ko: '제공 형태: 소스, 컨테이너 이미지, 브라우저용 클라이언트 패키지.',
        en: 'Forms in which it is provided: source, container image, package of the browser client.',
      },
      file('Dockerfile', 'deploy/README.md', 'docs/client.md'),
    ),
    fact(
      {
        ko: '사용자 화면: 콘솔. 사용 설명서는 이 폴더의 instructions-for-use.md입니다.',
        en: 'User interface: the console. The instructions for use are instructions-for-use.md in this folder.',
      },
      file('docs/console.md'),
    ),
  ],
})

const development = (facts: Facts): Section => ({
  heading: { ko: '2. 구성 요소와 개발 과정', en: '2. Elements and development' },
  items: [
    fact(
      {
        ko: '설계와 구조: 계층과 허용된 의존 방향, 프레임과 구간의 흐름, 설계 결정의 이유가 문서에 있습니다.',
        en: 'Design and architecture: layers and allowed dependencies, the flow of frames and windows, and the reasons of decisions are documented.',
      },
      file('docs/architecture.md', 'docs/decisions/0003-local-answer-is-held.md'),
    ),
    say.input,
    say.output,
    say.models(facts),
    fact(
      {
        ko: '학습 데이터와 방법: 모델 카드와 정확도 문서에 있습니다. 매개변수는 `npm run fit`이 만들고 소스에 포함됩니다.',
        en: 'Training data and methods: in the model card and the accuracy document. `npm run fit` makes the parameters, which are part of the source.',
      },
      file('docs/model-card.md', 'docs/accuracy.md', 'scripts/fit.ts'),
    ),
    accuracyTable(facts),
    fact(
      {
        ko: '검증: 동작은 실제 PostgreSQL을 사용하는 자동 테스트로 확인하며 `.ci/run`이 Node 20, 22, 24에서 실행합니다.',
        en: 'Validation: automated tests against a real PostgreSQL verify the behaviour; `.ci/run` runs them with Node 20, 22 and 24.',
      },
      file('.ci/run', '.github/workflows/ci.yml', 'CONTRIBUTING.md'),
    ),
    say.encryption(facts),
    say.backups(facts),
    ...say.access(facts),
    fact(
      {
        ko: '사이버 보안: 위협마다 방어와 테스트가 있고, OWASP ASVS 1, 2단계를 기준으로 평가했습니다.',
        en: 'Cybersecurity: each threat has a defence and a test; the system was assessed by OWASP ASVS levels 1 and 2.',
      },
      file('SECURITY.md', 'docs/asvs.md'),
    ),
  ],
})

const control = (facts: Facts): Section => ({
  heading: { ko: '3. 감시, 작동, 통제', en: '3. Monitoring, functioning and control' },
  items: [
    ...limits,
    say.crisis(facts),
    say.auditTrail,
    fact(
      {
        ko: facts.hasMetricsToken
          ? '감시: 상태 확인 주소, 토큰으로 보호된 지표, 안정된 로그 문장이 있습니다.'
          : '감시: 상태 확인 주소, 지표(METRICS_TOKEN이 없어 운영 환경에서는 같은 컴퓨터에서만 읽을 수 있음), 안정된 로그 문장이 있습니다.',
        en: facts.hasMetricsToken
          ? 'Monitoring: health checks, metrics that a token protects, and stable log lines.'
          : 'Monitoring: health checks, metrics (without METRICS_TOKEN only for the same machine in production), and stable log lines.',
      },
      [...file('docs/operations.md'), { setting: 'METRICS_TOKEN' }],
    ),
  ],
})

const item = (heading: Section['heading'], ...items: readonly Item[]): Section => ({ heading, items })

const rest: readonly Section[] = [
  item(
    { ko: '4. 성능 지표의 적절성', en: '4. Appropriateness of the performance metrics' },
    fact(
      {
        ko: '정확도 외에 클래스별 재현율, 매크로 F1, 보정 오차를 표준 오차와 함께 밝힙니다. 표본이 작은 수치는 그 한계를 함께 적었습니다.',
        en: 'Besides the accuracy, recall by label, macro-F1 and calibration error are given with standard errors. The limits of figures from small samples are stated.',
      },
      file('docs/accuracy.md'),
    ),
  ),
  item(
    { ko: '5. 위험 관리', en: '5. Risk management system' },
    open({
      ko: '제9조에 따른 위험 관리 시스템. data-protection-impact-assessment.md의 위험 표를 출발점으로 쓸 수 있습니다.',
      en: 'The risk management system by Art. 9. The table of risks in data-protection-impact-assessment.md is a starting point.',
    }),
  ),
  item(
    { ko: '6. 변경 이력', en: '6. Changes through the lifecycle' },
    fact(
      {
        ko: '변경은 CHANGELOG.md에, 호환성 규칙은 docs/versioning.md에 있습니다. 결과마다 분석기와 모델의 버전이 저장됩니다.',
        en: 'Changes are in CHANGELOG.md, the rules of compatibility in docs/versioning.md. Each result is stored with the version of analyser and model.',
      },
      file('CHANGELOG.md', 'docs/versioning.md', 'src/db/schema/sessions.ts'),
    ),
  ),
  item(
    { ko: '7. 표준', en: '7. Standards' },
    open({
      ko: '적용한 조화 표준, 또는 요구 사항을 충족하는 다른 방법.',
      en: 'Harmonised standards applied, or other solutions that meet the requirements.',
    }),
  ),
  item(
    { ko: '8. 적합성 선언', en: '8. Declaration of conformity' },
    open({ ko: 'EU 적합성 선언의 사본(제47조).', en: 'Copy of the EU declaration of conformity (Art. 47).' }),
  ),
  item(
    { ko: '9. 시판 후 감시', en: '9. Post-market monitoring' },
    fact(
      {
        ko: '부속서 IV는 제72조 제3항의 시판 후 감시 계획을 요구합니다. 사용자의 평가와 외부 모델과의 일치율 지표를 자료로 쓸 수 있습니다.',
        en: 'Annex IV requires the post-market monitoring plan of Art. 72(3). Ratings by users and the metric of agreement with external models can serve as data.',
      },
      [...aiAct('Annex IV(9), Art. 72(3)'), ...file('docs/operations.md')],
    ),
    open({ ko: '시판 후 감시 계획.', en: 'The post-market monitoring plan.' }),
  ),
]
