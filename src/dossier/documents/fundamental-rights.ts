import { aiAct, type Dossier, type Section, fact, file, open } from '../document.ts'
import type { Facts } from '../facts.ts'
import * as legal from '../legal.ts'
import * as say from '../statements.ts'

/** Fundamental rights impact assessment, with the contents of Art. 27(1) of the EU AI Act. */
export const fundamentalRightsAssessment = (facts: Facts): Dossier => ({
  name: 'fundamental-rights-impact-assessment',
  title: { ko: '기본권 영향평가', en: 'Fundamental rights impact assessment' },
  introduction: {
    ko: 'EU 인공지능법 제27조 제1항의 항목을 따르는 서식입니다. 대부분은 사용하는 기관만 답할 수 있습니다.',
    en: 'A template by Art. 27(1) of the EU AI Act. Only the deployer can answer most of it.',
  },
  sections: [applicability, processes(facts), period(facts), persons, harm, oversight(facts), measures],
})

const applicability: Section = {
  heading: { ko: '적용 여부', en: 'Applicability' },
  items: [
    fact(
      {
        ko: '고위험 시스템을 사용하는 공공기관과 공공 서비스를 제공하는 민간 기관은 처음 사용하기 전에 평가하고 시장감시기관에 결과를 알립니다. 개인정보 영향평가가 이미 다룬 항목은 이를 보완하면 됩니다.',
        en: 'Bodies governed by public law and private entities that provide public services assess before the first use of a high-risk system and notify the market surveillance authority. Where a data protection impact assessment meets an item already, this one complements it.',
      },
      aiAct('Art. 27(1), (3), (4)'),
    ),
    legal.highRisk,
    legal.prohibited,
  ],
}

const processes = (facts: Facts): Section => ({
  heading: { ko: '(a) 사용하는 절차', en: '(a) Processes in which the system is used' },
  items: [
    say.purpose(facts),
    open({
      ko: '시스템을 사용하는 업무 절차와 그 결과를 사용하는 방법.',
      en: 'The processes in which the system is used, and how its results are used in them.',
    }),
  ],
})

const period = (facts: Facts): Section => ({
  heading: { ko: '(b) 기간과 빈도', en: '(b) Period and frequency' },
  items: [
    open({ ko: '사용 기간과 빈도.', en: 'Period of time and frequency of the use.' }),
    say.retention(facts),
  ],
})

const persons: Section = {
  heading: { ko: '(c) 영향을 받는 사람', en: '(c) Persons and groups affected' },
  items: [
    open({
      ko: '사용자의 범주와 취약한 집단(아동, 환자, 장애가 있는 사람 등).',
      en: 'Categories of persons and vulnerable groups (children, patients, persons with disabilities).',
    }),
    fact(
      {
        ko: '얼굴의 움직임이 다른 사람(안면 마비, 신경 질환 등), 안경·수염·손으로 가린 얼굴에 대한 정확도는 알 수 없습니다.',
        en: 'The accuracy for persons whose face moves differently (palsy, neurological conditions) and for faces with glasses, beards or hands before them is unknown.',
      },
      file('docs/model-card.md', 'docs/accuracy.md'),
    ),
  ],
}

const harm: Section = {
  heading: { ko: '(d) 구체적인 위험', en: '(d) Specific risks of harm' },
  items: [
    fact(
      {
        ko: '비차별: 집단별 정확도가 측정되지 않았으므로 차별적인 오류를 배제할 수 없습니다.',
        en: 'Non-discrimination: the accuracy by group was not measured, so discriminating errors cannot be excluded.',
      },
      file('docs/accuracy.md'),
    ),
    fact(
      {
        ko: '사생활과 존엄성: 표정과 대화가 처리됩니다. 영상은 서버에 오지 않으며, 결과는 실제 감정이 아니라고 안내합니다.',
        en: 'Privacy and dignity: expressions and conversations are processed. No image of a face reaches the server, and users are informed that a result is not what they feel.',
      },
      file('docs/architecture.md', 'src/domain/report/words.ts'),
    ),
    open({
      ko: '그 밖의 위험(표현의 자유, 건강, 아동의 권리 등)과 판단.',
      en: 'Other risks (freedom of expression, health, rights of the child) and their assessment.',
    }),
  ],
}

const oversight = (facts: Facts): Section => ({
  heading: { ko: '(e) 사람의 감독', en: '(e) Human oversight' },
  items: [
    say.crisis(facts),
    open({
      ko: '감독하는 사람, 그 역량과 권한.',
      en: 'Who oversees the system, with which competence and authority.',
    }),
  ],
})

const measures: Section = {
  heading: { ko: '(f) 위험이 현실이 된 때의 조치', en: '(f) Measures if the risks materialise' },
  items: [
    fact(
      {
        ko: '분석은 INFERENCE_ENABLED=false로 끌 수 있고, 사용자의 데이터는 `maeum erase`로, 접근은 `maeum user disable`로 처리합니다.',
        en: 'INFERENCE_ENABLED=false turns the analysis off; `maeum erase` erases the data of a user, and `maeum user disable` ends access.',
      },
      file('docs/cli.md', '.env.example'),
    ),
    open({
      ko: '내부 책임자, 이의 제기와 신고 절차.',
      en: 'Internal governance, and how complaints are made and handled.',
    }),
  ],
}
