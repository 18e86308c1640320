import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import type { FieldFault, Language } from '../protocol/errors.ts'

type Sentence = Readonly<Record<Language, string>>

const TYPES: Readonly<Record<string, Sentence>> = {
  string: { ko: '문자열이어야 합니다.', en: 'must be text' },
  number: { ko: '숫자여야 합니다.', en: 'must be a number' },
  integer: { ko: '정수여야 합니다.', en: 'must be a whole number' },
  boolean: { ko: 'true 또는 false여야 합니다.', en: 'must be true or false' },
  object: { ko: '객체여야 합니다.', en: 'must be an object' },
  array: { ko: '배열이어야 합니다.', en: 'must be a list' },
}
const REQUIRED: Sentence = { ko: '필수 항목입니다.', en: 'is required' }
const UNSTORABLE: Sentence = {
  ko: '사용할 수 없는 문자가 들어 있습니다.',
  en: 'contains a character that is not allowed',
}
const COMMON: Sentence = {
  ko: '흔히 사용되는 비밀번호입니다. 더 안전한 비밀번호를 권장합니다.',
  en: 'is a common password; choose a less common one',
}
const MALFORMED: Sentence = { ko: '형식이 올바르지 않습니다.', en: 'is not valid' }

/** User-facing text for a validation error. */
function toSentence({ keyword, params }: FastifySchemaValidationError): Sentence {
  const limit = String(params['limit'])
  switch (keyword) {
    case 'type':
      return TYPES[String(params['type'])] ?? MALFORMED
    case 'minLength':
      return { ko: `${limit}자 이상이어야 합니다.`, en: `must have at least ${limit} characters` }
    case 'maxLength':
      return { ko: `${limit}자 이하여야 합니다.`, en: `must have at most ${limit} characters` }
    case 'minimum':
      return { ko: `${limit} 이상이어야 합니다.`, en: `must be at least ${limit}` }
    case 'maximum':
      return { ko: `${limit} 이하여야 합니다.`, en: `must be at most ${limit}` }
    case 'maxItems':
      return { ko: `${limit}개 이하여야 합니다.`, en: `must have at most ${limit} items` }
    case 'unstorable':
      return UNSTORABLE
    case '~refine':
      return params['message'] === 'invisible' ? UNSTORABLE : MALFORMED
    case 'common':
      return COMMON
    default:
      return MALFORMED
  }
}

/** Converts validation errors to one fault per field: its path joined by dots, and a sentence. */
export function toFieldFaults(
  findings: readonly FastifySchemaValidationError[],
  language: Language,
): FieldFault[] {
  const faults = new Map<string, string>()
  for (const finding of findings) {
    const path = finding.instancePath.split('/').filter((part) => part !== '')
    const missing = finding.params['requiredProperties']
    for (const name of Array.isArray(missing) ? missing.map(String) : [])
      faults.set([...path, name].join('.'), REQUIRED[language])
    const field = path.join('.')
    // Ajv reports the branches of a union before the union itself, whose message is more useful.
    const isPreferred = finding.keyword === 'anyOf' || !faults.has(field)
    if (finding.keyword !== 'required' && isPreferred) faults.set(field, toSentence(finding)[language])
  }
  return [...faults].map(([field, message]) => ({ field, message }))
}

/** Labels of the fields that users fill in. */
const NAMES: Readonly<Record<string, Readonly<Record<Language, string>>>> = {
  currentPassword: { ko: '현재 비밀번호(currentPassword)', en: 'Field "currentPassword"' },
  email: { ko: '이메일(email)', en: 'Field "email"' },
  newPassword: { ko: '새 비밀번호(newPassword)', en: 'Field "newPassword"' },
  note: { ko: '메모(note)', en: 'Field "note"' },
  password: { ko: '비밀번호(password)', en: 'Field "password"' },
  username: { ko: '이름(username)', en: 'Field "username"' },
}

/** One sentence that names the field; undefined for a fault of the whole body. */
export function describeFieldFault({ field, message }: FieldFault, language: Language): string | undefined {
  if (field === '') return undefined
  const name = NAMES[field] ?? { ko: field, en: `Field "${field}"` }
  return { ko: `${name.ko}: ${message}`, en: `${name.en} ${message}.` }[language]
}
