import { type Dossier, type Section, fact, file, gdpr, open } from '../document.ts'
import type { Facts } from '../facts.ts'
import * as legal from '../legal.ts'
import { recipients } from '../recipients.ts'
import * as say from '../statements.ts'

/** Record of processing activities, with the contents of Art. 30(1) of the GDPR. */
export const recordOfProcessing = (facts: Facts): Dossier => ({
  name: 'record-of-processing',
  title: { ko: '처리 활동 기록', en: 'Record of processing activities' },
  introduction: {
    ko: 'GDPR 제30조 제1항의 항목 (a)부터 (g)까지를 따릅니다. 대한민국의 개인정보 처리방침을 작성할 때에도 사용할 수 있습니다.',
    en: 'The sections follow Art. 30(1)(a) to (g) of the GDPR.',
  },
  sections: [
    controller,
    purposes(facts),
    categories(facts),
    recipientsOfData(facts),
    transfers(facts),
    limits(facts),
    security(facts),
  ],
})

const controller: Section = {
  heading: { ko: '(a) 개인정보처리자', en: '(a) Controller' },
  items: [
    open({
      ko: '개인정보처리자, 공동 처리자, 대리인, 개인정보 보호책임자의 이름과 연락처.',
      en: 'Name and contact details of the controller, joint controllers, representative and data protection officer.',
    }),
  ],
}

const purposes = (facts: Facts): Section => ({
  heading: { ko: '(b) 목적', en: '(b) Purposes' },
  items: [
    say.purpose(facts),
    open({
      ko: '처리의 구체적인 목적과 법적 근거(GDPR 제6조, 제9조 / 개인정보 보호법 제15조, 제23조).',
      en: 'The specific purposes and their legal basis (GDPR Art. 6 and Art. 9).',
    }),
    say.consent(facts),
  ],
})

const categories = (facts: Facts): Section => ({
  heading: { ko: '(c) 사람과 데이터의 범주', en: '(c) Categories of persons and data' },
  items: [
    open({
      ko: '사용자의 범주(예: 성인 내담자, 상담사). 아동이 포함되는지 여부.',
      en: 'Categories of persons (for example adult clients, counsellors), and whether children are among them.',
    }),
    say.input,
    legal.sensitive,
    say.storedData(facts),
  ],
})

const recipientsOfData = (facts: Facts): Section => ({
  heading: { ko: '(d) 수신자', en: '(d) Recipients' },
  items: [
    ...recipients(facts),
    say.database(facts),
    open({
      ko: '서버와 데이터베이스를 호스팅하는 업체, 로그와 백업을 보관하는 업체.',
      en: 'Hosts of server and database, and who keeps logs and backups.',
    }),
  ],
})

const transfers = (facts: Facts): Section => ({
  heading: { ko: '(e) 국외 이전', en: '(e) Transfers to third countries' },
  items: [
    facts.gemini === null
      ? fact(
          {
            ko: '서버 자체는 데이터를 다른 나라로 보내지 않습니다. 호스팅 위치는 운영자가 정합니다.',
            en: 'The server itself transfers no data to another country. The operator chooses where it is hosted.',
          },
          file('docs/architecture.md'),
        )
      : fact(
          {
            ko: `외부 모델(${facts.gemini.host})에 보내는 데이터는 다른 나라에서 처리될 수 있습니다.`,
            en: `Data sent to the external model (${facts.gemini.host}) can be processed in another country.`,
          },
          gdpr('Chapter V'),
        ),
    open({ ko: '이전하는 나라와 보호 조치.', en: 'Countries of transfer and safeguards.' }),
  ],
})

const limits = (facts: Facts): Section => ({
  heading: { ko: '(f) 보존 기간', en: '(f) Time limits for erasure' },
  items: [
    say.retention(facts),
    open({ ko: '백업과 로그의 보존 기간.', en: 'Time limits of backups and logs.' }),
  ],
})

const security = (facts: Facts): Section => ({
  heading: { ko: '(g) 보호 조치', en: '(g) Security measures' },
  items: [
    say.encryption(facts),
    say.backups(facts),
    ...say.access(facts),
    say.auditTrail,
    fact(
      {
        ko: '비밀번호는 argon2id로 해시하며, 위협과 방어, 이를 확인하는 테스트는 SECURITY.md에 있습니다.',
        en: 'Passwords are hashed with argon2id. Threats, defences and the tests that verify them are in SECURITY.md.',
      },
      file('SECURITY.md', 'docs/asvs.md'),
    ),
  ],
})
