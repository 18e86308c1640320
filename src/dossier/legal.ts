import { aiAct, fact, file, gdpr, type Item, law, setting } from './document.ts'

/** Statements about the law that several documents share. */

export const prohibited: Item = fact(
  {
    ko: '금지된 사용: 직장과 교육기관에서 사람의 감정을 추론하는 인공지능은 의료 또는 안전 목적이 아니면 금지됩니다. 그러한 곳에서는 INFERENCE_ENABLED=false로 분석을 끕니다.',
    en: 'Prohibited use: AI systems that infer emotions of a person in the areas of workplace and education institutions are prohibited, except for medical or safety reasons. Set INFERENCE_ENABLED=false there.',
  },
  [...aiAct('Art. 5(1)(f)'), ...setting('INFERENCE_ENABLED')],
)

export const highRisk: Item = fact(
  {
    ko: '위험 등급: 감정 인식을 위한 인공지능 시스템은 고위험 시스템 목록에 있습니다(다른 법이 사용을 허용하는 범위에서). 고위험 시스템의 의무가 적용되는 날짜는 개정되었을 수 있으므로 현행 법령을 확인해야 합니다.',
    en: 'Risk class: AI systems intended to be used for emotion recognition are on the list of high-risk systems, in so far as their use is permitted. Check the current text for the date from which the obligations for high-risk systems apply; it may have been amended.',
  },
  aiAct('Annex III 1(c), Art. 6(2)'),
)

export const informing: Item = fact(
  {
    ko: '알릴 의무: 감정 인식 시스템을 사용하는 자는 그 대상이 되는 사람에게 시스템의 작동을 알려야 합니다. 보고서에는 이를 알리는 문장이 항상 들어가며, 콘솔은 세션을 시작하기 전에 보여 줍니다.',
    en: 'Information duty: the deployer of an emotion recognition system informs the persons exposed to it of its operation. Every report contains a sentence that says so, and the console shows it before a session.',
  },
  [...aiAct('Art. 50(3)'), ...file('src/domain/report/words.ts', 'web/src/words/catalogue.ts')],
)

export const sensitive: Item = fact(
  {
    ko: '민감한 데이터: 측정값은 사람을 식별하는 데 쓰이지 않습니다. 그러나 대화, 인지 왜곡, 자해 관련 표현과 그 결과는 건강에 관한 데이터가 될 수 있습니다.',
    en: 'Special categories: the measures are not used to identify a person. Conversations, cognitive distortions, self-harm language and what follows from them can be data concerning health.',
  },
  [...gdpr('Art. 9(1)'), ...file('docs/model-card.md')],
)

/** Article 31 of the Korean AI Basic Act. */
export const koreanAct = (place: { readonly ko: string; readonly en: string }) =>
  law({
    ko: `「인공지능 발전과 신뢰 기반 조성 등에 관한 기본법」 ${place.ko}`,
    en: `Korean Framework Act on AI (AI Basic Act), ${place.en}`,
  })
