import { type Dossier, type Section, fact, file, law, open, setting } from '../document.ts'
import type { Facts } from '../facts.ts'
import * as legal from '../legal.ts'
import { recipients } from '../recipients.ts'
import * as say from '../statements.ts'

/** Notice to users by Article 31 of the Korean AI Basic Act. */
export const koreanNotice = (facts: Facts): Dossier => ({
  name: 'notice-korea',
  title: {
    ko: '인공지능 사용 고지(인공지능기본법)',
    en: 'Notice of the use of AI (Korean AI Basic Act)',
  },
  introduction: {
    ko: '「인공지능 발전과 신뢰 기반 조성 등에 관한 기본법」(2026년 1월 22일 시행)에 따라 이용자에게 보여 줄 고지의 초안과 확인할 사항입니다.',
    en: 'A draft of the notice to users by the Korean Framework Act on AI (in force since 22 January 2026), and what to check.',
  },
  sections: [draft(facts), transparency(facts), highImpact, personalData(facts)],
})

const draft = (facts: Facts): Section => ({
  heading: { ko: '이용자에게 보여 줄 고지', en: 'Notice to users' },
  items: [
    open({
      ko: '서비스 이름, 사업자 이름, 문의처.',
      en: 'Name of the service, name of the operator, contact.',
    }),
    notice(facts),
    fact(
      {
        ko: '「표시된 결과와 보고서는 인공지능이 자동으로 생성한 것입니다. 실제 감정이나 마음 상태와 다를 수 있으며 의학적·심리학적 진단이 아닙니다.」',
        en: '"The results and reports are generated automatically by artificial intelligence. They may differ from actual feelings or states of mind and are not a medical or psychological diagnosis."',
      },
      file('src/domain/report/words.ts'),
    ),
    ...(facts.gemini === null ? [] : [generative(facts.gemini)]),
    say.crisis(facts),
  ],
})

const transparency = (facts: Facts): Section => ({
  heading: { ko: '투명성 의무', en: 'Transparency duties' },
  items: [
    fact(
      {
        ko: '고영향 인공지능 또는 생성형 인공지능을 이용한 제품이나 서비스를 제공하려는 인공지능사업자는 그 사실을 이용자에게 사전에 알려야 합니다.',
        en: 'An AI business operator that provides a product or service that uses high-impact or generative AI notifies users of that in advance.',
      },
      legal.koreanAct({ ko: '제31조 제1항', en: 'Art. 31(1)' }),
    ),
    fact(
      {
        ko: '생성형 인공지능의 결과물에는 생성형 인공지능이 만들었다는 사실을 표시해야 합니다. 구간의 결과에는 만든 모델(source, model)이 들어 있고, 보고서에는 위 문장이 들어갑니다.',
        en: 'Output of generative AI is marked as such. Results of windows carry the model that made them (`source`, `model`), and reports contain the sentence above.',
      },
      [...legal.koreanAct({ ko: '제31조 제2항', en: 'Art. 31(2)' }), ...file('docs/websocket.md')],
    ),
    fact(
      facts.gemini === null
        ? {
            ko: '이 구성은 생성형 모델을 사용하지 않습니다. 상담 AI의 답은 미리 쓰인 문장으로 구성됩니다.',
            en: 'This configuration uses no generative model. The answers of the AI counsellor are composed of written sentences.',
          }
        : {
            ko: '이 구성의 상담 AI는 생성형 모델을 사용합니다. 모델이 답하지 못하면 미리 쓰인 문장으로 답합니다.',
            en: 'The AI counsellor of this configuration uses a generative model. If it does not answer, written sentences are used.',
          },
      setting('GEMINI_API_KEY'),
    ),
  ],
})

const highImpact: Section = {
  heading: { ko: '고영향 인공지능인지 확인', en: 'Whether the use is high-impact' },
  items: [
    fact(
      {
        ko: '고영향 인공지능은 법에 열거된 영역(보건의료, 채용 등 권리에 중대한 영향을 주는 판단, 학생 평가 등)에서 쓰이는 인공지능입니다. 사업자는 해당 여부를 사전에 검토해야 하며, 해당하면 제34조의 조치가 필요합니다.',
        en: 'High-impact AI is AI that is used in the areas listed in the act, such as health care, decisions with a significant effect on rights like recruitment, and the evaluation of pupils. The operator reviews in advance whether the use is one; if so, the measures of Art. 34 apply.',
      },
      legal.koreanAct({ ko: '제2조 제4호, 제33조, 제34조', en: 'Art. 2(4), 33, 34' }),
    ),
    open({
      ko: '사용 영역과 검토 결과, 검토한 날짜.',
      en: 'The area of use, the result of the review, and its date.',
    }),
  ],
}

const personalData = (facts: Facts): Section => ({
  heading: { ko: '개인정보', en: 'Personal data' },
  items: [
    fact(
      {
        ko: '건강에 관한 정보 등 민감정보의 처리에는 다른 동의와 구분된 별도의 동의가 필요합니다.',
        en: 'The processing of sensitive information, such as data concerning health, needs a separate consent.',
      },
      law({
        ko: '「개인정보 보호법」 제23조',
        en: 'Korean Personal Information Protection Act, Art. 23',
      }),
    ),
    say.consent(facts),
    say.input,
    ...recipients(facts),
    say.retention(facts),
    say.encryption(facts),
    say.rights,
  ],
})

const notice = ({ analysis }: Facts) =>
  analysis.enabled
    ? fact(
        {
          ko: '「이 서비스는 인공지능을 이용하여 카메라에 비친 얼굴의 움직임에서 겉으로 드러난 표정을 추정합니다. 영상은 이용자의 기기 밖으로 전송되지 않습니다.」',
          en: '"This service uses artificial intelligence to estimate your apparent expression from the movements of your face in front of the camera. Video does not leave your device."',
        },
        [...setting('INFERENCE_ENABLED'), ...file('docs/architecture.md')],
      )
    : fact(
        {
          ko: '「이 서비스는 표정을 분석하지 않습니다. 상담 AI의 답은 인공지능이 자동으로 만듭니다.」',
          en: '"This service does not analyse expressions. The answers of the AI counsellor are made automatically."',
        },
        setting('INFERENCE_ENABLED'),
      )

const generative = ({ models, host }: NonNullable<Facts['gemini']>) =>
  fact(
    {
      ko: `「분석과 상담 AI의 답에는 생성형 인공지능(${models.join(', ')})을 사용하며, 측정값과 상담 메시지를 외부 서버(${host})로 보냅니다.」`,
      en: `"The analysis and the answers of the AI counsellor use generative AI (${models.join(', ')}). Measures and messages to the counsellor are sent to ${host}."`,
    },
    setting('GEMINI_API_KEY', 'GEMINI_MODELS', 'GEMINI_BASE_URL'),
  )
