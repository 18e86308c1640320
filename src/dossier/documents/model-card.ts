import type { Figures } from '../accuracy.ts'
import { type Dossier, fact, file, type Item, open, type Row, type Text } from '../document.ts'
import type { Facts } from '../facts.ts'
import { recipients } from '../recipients.ts'
import * as say from '../statements.ts'

/** The model card, with the measured accuracy. */
export const modelCard = (facts: Facts): Dossier => ({
  name: 'model-card',
  title: { ko: '모델 카드', en: 'Model card' },
  introduction: {
    ko: '이 구성에서 사용하는 모델의 목적, 방법, 정확도, 한계입니다.',
    en: 'Purpose, method, accuracy and limits of the models in this configuration.',
  },
  sections: [
    {
      heading: { ko: '모델과 목적', en: 'Models and purpose' },
      items: [say.identity(facts), say.purpose(facts), say.models(facts), say.input, say.output],
    },
    { heading: { ko: '방법', en: 'Method' }, items: method(facts) },
    { heading: { ko: '학습 데이터', en: 'Training data' }, items: training },
    { heading: { ko: '정확도', en: 'Accuracy' }, items: [accuracyTable(facts), recallTable(facts)] },
    { heading: { ko: '한계', en: 'Limits' }, items: limits },
    {
      heading: { ko: '외부 모델', en: 'External models' },
      items:
        facts.gemini === null
          ? recipients(facts)
          : [
              ...recipients(facts),
              fact(
                {
                  ko: '외부 모델의 정확도는 이 프로젝트가 측정하지 않았습니다. 외부 모델이 제때 답하지 않으면 서버에 포함된 분석기의 결과를 보냅니다.',
                  en: 'The accuracy of the external models was not measured by this project. If they do not answer in time, the result of the built-in analyser is sent.',
                },
                file('docs/architecture.md'),
              ),
              open({
                ko: '사용하는 외부 모델의 제공자 문서(모델 카드, 처리 위치, 보존 기간).',
                en: 'Documents of the provider of the external models: model card, place of processing, retention.',
              }),
            ],
    },
  ],
})

const method = ({ analyser, accuracy }: Facts): Item[] => [
  fact(
    {
      ko: `${analyser} 분석기(학습일 ${accuracy.fitted})는 얼굴 측정값 35개와 얼굴 모양의 축 7개에 대한 로지스틱 회귀, 그리고 사용자 자신의 무표정과의 차이에 대한 선형 모델을 결합합니다. 신뢰도는 보정되어 있습니다.`,
      en: `${accuracy.analyser === analyser ? analyser : `${analyser} (figures: ${accuracy.analyser})`}, fitted on ${accuracy.fitted}, combines a logistic regression on 35 measures of the face and seven axes of its shape with a linear model of the change from the user's own neutral face. Its confidences are calibrated.`,
    },
    file('docs/model-card.md', 'docs/measures.md', 'docs/accuracy.json'),
  ),
]

const training: readonly Item[] = [
  fact(
    {
      ko: '학습에는 좌표만 사용했습니다: 연출된 얼굴 사진(Face Research Lab London, 캐나다 세트), 실제 환경의 사진(표시 오류 있음), 합성 얼굴 20개. 자세한 내용과 출처는 모델 카드 문서에 있습니다.',
      en: 'Trained on landmarks only: posed photographs (Face Research Lab London, a Canadian set), photographs found in the wild with wrong labels among them, and 20 synthetic heads. The model card document has details and licences.',
    },
    file('docs/model-card.md'),
  ),
]

const SETS: Readonly<Record<string, Text>> = {
  'fer curated': { ko: '사진(선별), 7가지', en: 'curated photographs, 7 labels' },
  'fer noisy': { ko: '사진(표시 오류 있음), 7가지', en: 'noisy photographs, 7 labels' },
  'lfwx noisy': {
    ko: '사진(표시 오류 있음), 7가지, 두 번째 세트',
    en: 'noisy photographs, 7 labels, second set',
  },
  'london + canada': {
    ko: '연출된 사진, 2가지(행복, 중립)',
    en: 'posed photographs, 2 labels (happy, neutral)',
  },
}

const toRow = (name: Text | string, { count, accuracy, standardError, macroF1, ece }: Figures): Row => ({
  cells: [
    name,
    count,
    `${accuracy.toFixed(3)} ± ${standardError.toFixed(3)}`,
    macroF1.toFixed(3),
    ece.toFixed(3),
  ],
  from: file('docs/accuracy.json'),
})

/** Accuracy of the local analyser on every set. */
export const accuracyTable = ({ accuracy }: Facts): Item => ({
  kind: 'table',
  columns: [
    { ko: '데이터', en: 'Data' },
    { ko: '개수', en: 'Count' },
    { ko: '정확도 ± 표준 오차', en: 'Accuracy ± standard error' },
    { ko: '매크로 F1', en: 'Macro-F1' },
    { ko: '보정 오차(ECE)', en: 'Calibration error (ECE)' },
  ],
  rows: [
    ...Object.entries(accuracy.pictures).map(([set, { sizeKnown }]) => toRow(SETS[set] ?? set, sizeKnown)),
    toRow(
      { ko: '합성 얼굴, 무표정을 아는 경우, 8가지', en: 'synthetic heads with a neutral face, 8 labels' },
      accuracy.synthetic.withBaseline.sizeKnown,
    ),
    toRow(
      { ko: '합성 얼굴, 무표정을 모르는 경우', en: 'synthetic heads without a neutral face' },
      accuracy.synthetic.cold.sizeKnown,
    ),
    toRow(
      { ko: '실제 영상, 7명', en: 'real videos of seven people' },
      accuracy.real.withBaseline.segments.sizeKnown,
    ),
  ],
})

/** Recall by label on the curated photographs. */
const recallTable = ({ accuracy }: Facts): Item => ({
  kind: 'table',
  columns: [
    { ko: '표정(선별 사진)', en: 'Label (curated photographs)' },
    { ko: '재현율', en: 'Recall' },
  ],
  rows: Object.entries(accuracy.pictures['fer curated']?.sizeKnown.recall ?? {}).map(([label, recall]) => ({
    cells: [`\`${label}\``, recall.toFixed(3)],
    from: file('docs/accuracy.json'),
  })),
})

/** What the local analyser cannot do. */
export const limits: readonly Item[] = [
  fact(
    {
      ko: '나이, 성별, 피부색, 문화, 장애에 따른 정확도는 측정하지 않았습니다. 특정 집단에 대한 성능을 말할 수 없습니다.',
      en: 'The accuracy by age, sex, skin colour, culture or disability was not measured. Nothing can be said about the performance for groups of persons.',
    },
    file('docs/model-card.md', 'docs/accuracy.md'),
  ),
  fact(
    {
      ko: 'sad, fearful, disgusted는 무표정을 모르면 약합니다: 슬픔은 중립과, 혐오는 화남과, 두려움은 놀람과 혼동됩니다. anxious는 합성 얼굴로만 학습했고 사람에게서 평가하지 않았습니다.',
      en: 'Without a known neutral face `sad`, `fearful` and `disgusted` are weak: sad is confused with neutral, disgusted with angry, fearful with surprised. `anxious` was trained on synthetic heads only and never evaluated on people.',
    },
    file('docs/model-card.md', 'docs/accuracy.md'),
  ),
  fact(
    {
      ko: '서버는 영상의 픽셀을 받지 않으므로 주름, 눈물, 피부색의 변화처럼 좌표에 나타나지 않는 단서를 알 수 없습니다. 표정과 실제 감정은 다를 수 있습니다.',
      en: 'The server receives no pixels, so wrinkles, tears and changes of the skin that the landmarks do not show are unknown to it. An expression and a feeling can differ.',
    },
    file('docs/accuracy.md', 'docs/comparison.md'),
  ),
]
