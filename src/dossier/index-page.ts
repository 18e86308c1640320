import type { Language } from '../domain/language.ts'
import type { Dossier, Text } from './document.ts'
import type { Facts } from './facts.ts'
import { countItems, listSources, OPEN_MARK } from './render.ts'

const TITLE: Text = { ko: '문서 모음', en: 'Dossier' }

const introduction = ({ version, commit, madeOn }: Facts): Text => ({
  ko: `maeum ${version}(커밋 ${commit})의 설정에서 ${madeOn}에 \`maeum dossier\`로 만들었습니다. 문장마다 출처(설정 또는 소스의 파일, 법령)가 있습니다. 파일의 경로는 그 버전의 소스를 기준으로 합니다.`,
  en: `Made on ${madeOn} with \`maeum dossier\` from the configuration of maeum ${version} (commit ${commit}). Each statement names its source: a setting, a file of the source of that version, or a law.`,
})

const notes: readonly Text[] = [
  {
    ko: `\`${OPEN_MARK}\`: 운영자만 아는 내용입니다. 채워 넣어야 합니다.`,
    en: `\`${OPEN_MARK}\` marks what only the operator knows. Fill it in.`,
  },
  {
    ko: '설정이 바뀌면 새 폴더에 다시 만들고, 채워 넣은 내용을 옮깁니다. 이 문서는 설정을 설명하며, 데이터베이스의 현재 상태는 `maeum doctor`, `maeum keys status`, `maeum audit verify`가 확인합니다.',
    en: 'Make a new folder when the configuration changes, and copy what was filled in. The documents describe the configuration; `maeum doctor`, `maeum keys status` and `maeum audit verify` check the state of the database.',
  },
  {
    ko: '비밀 값은 어떤 파일에도 없습니다. 이 문서는 서식이며 법률 자문이 아닙니다. 현행 법령을 확인하십시오.',
    en: 'No file contains a secret. The documents are templates and not legal advice; check the law in force.',
  },
]

const HEADING = {
  document: { ko: '문서', en: 'Document' },
  statements: { ko: '문장', en: 'Statements' },
  open: { ko: '채울 항목', en: 'To fill in' },
  settings: { ko: '사용한 설정', en: 'Settings used' },
} as const

/** The index of the folder. */
export function renderIndex(documents: readonly Dossier[], facts: Facts, language: Language): string {
  const rows = documents.map((document) => {
    const { statements, open } = countItems(document)
    return `| [${document.title[language]}](${document.name}.md) | ${statements} | ${open} |`
  })
  const settings = documents
    .flatMap(listSources)
    .flatMap((source) => ('setting' in source ? [source.setting] : []))
  return [
    `# ${TITLE[language]}`,
    introduction(facts)[language],
    notes.map((note) => `- ${note[language]}`).join('\n'),
    [
      `| ${HEADING.document[language]} | ${HEADING.statements[language]} | ${HEADING.open[language]} |`,
      '|---|---|---|',
      ...rows,
    ].join('\n'),
    `${HEADING.settings[language]}: ${[...new Set(settings)]
      .toSorted()
      .map((name) => `\`${name}\``)
      .join(', ')}`,
  ]
    .join('\n\n')
    .concat('\n')
}
