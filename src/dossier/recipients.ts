import { fact, file, type Item, open, setting } from './document.ts'
import type { Facts } from './facts.ts'

/** Recipients outside the operator. */
export const recipients = (facts: Facts): Item[] => [...modelRecipients(facts), ...traceRecipients(facts)]

const traceRecipients = ({ tracingHost }: Facts): Item[] =>
  tracingHost === null
    ? []
    : [
        fact(
          {
            ko: `요청과 구간의 처리 시간에 관한 추적 정보를 수집 서버(${tracingHost})로 보냅니다.`,
            en: `Traces with the times of requests and windows are sent to ${tracingHost}.`,
          },
          setting('OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'),
        ),
      ]

const modelRecipients = ({ gemini }: Facts): Item[] =>
  gemini === null
    ? [
        fact(
          {
            ko: '모델 수신자: 없음. 외부 모델이 설정되지 않아 서버가 얼굴, 음성, 대화의 데이터를 제3자에게 보내지 않습니다.',
            en: 'Recipients of model requests: none. No external model is configured, and the server sends no data of faces, voices or conversations to a third party.',
          },
          [...setting('GEMINI_API_KEY'), ...file('docs/architecture.md')],
        ),
      ]
    : [
        fact(
          {
            ko: `수신자: ${gemini.isGoogle ? 'Google(Gemini API)' : 'GEMINI_BASE_URL의 운영자와 그 뒤의 모델 제공자'}, ${gemini.host}. 구간마다 얼굴 측정값, 서버의 결과, 최근 다섯 결과, 음성 측정값과 말의 일부(최대 120자)를 보냅니다. 좌표, 영상, 이름, id는 보내지 않습니다.`,
            en: `Recipient: ${gemini.isGoogle ? 'Google (Gemini API)' : 'the operator of GEMINI_BASE_URL and the provider of the model behind it'}, ${gemini.host}. For each window it receives measures of the face, the result of the server, the last five results, measures of the voice and up to 120 characters of speech; no landmarks, images, names or ids.`,
          },
          [...setting('GEMINI_API_KEY', 'GEMINI_BASE_URL'), ...file('docs/architecture.md')],
        ),
        fact(
          {
            ko: '같은 수신자에게 상담 AI에 보낸 메시지(최근 대화와 표정 포함), 텍스트 분석 요청, 음성 인식을 요청한 녹음도 보냅니다. 자해 관련 표현이 발견된 문장은 보내지 않지만, 녹음은 보내기 전에 확인할 수 없습니다.',
            en: 'The same recipient receives messages to the AI counsellor with recent exchanges and expressions, texts to be analysed, and recordings to be transcribed. Text with detected self-harm language is not sent; a recording cannot be checked before.',
          },
          file('README.md', 'src/features/conversation/routes.ts'),
        ),
        open({
          ko: '모델 제공자와 맺은 처리 위탁 계약, 유료 요금제 사용 여부(무료 키의 입력은 학습에 사용될 수 있음), 국외 이전의 법적 근거.',
          en: 'Processing agreement with the provider of the model, whether a paid plan is used (inputs of free keys may be used for training), and the basis of transfers to other countries.',
        }),
      ]
