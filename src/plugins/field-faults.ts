import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import type { FieldFault, Language } from '../errors.ts'

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
  en: 'holds a character that cannot be used',
}
const COMMON: Sentence = {
  ko: '많은 사람이 쓰는 비밀번호입니다. 다른 비밀번호가 더 안전합니다.',
  en: 'is a password that many people use; another one is safer',
}
const MALFORMED: Sentence = { ko: '형식이 올바르지 않습니다.', en: 'is not valid' }

/** What a validator's finding means to the person who filled the field in. */
function sentence({ keyword, params }: FastifySchemaValidationError): Sentence {
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

/** One fault for each field at fault: its path joined by dots, and a sentence. */
export function fieldFaults(
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
    // Each branch of a choice is found at fault before the choice itself, whose word is the better one.
    const better = finding.keyword === 'anyOf' || !faults.has(field)
    if (finding.keyword !== 'required' && better) faults.set(field, sentence(finding)[language])
  }
  return [...faults].map(([field, message]) => ({ field, message }))
}

/** Fields of the forms that people fill in, by the words that stand beside them. */
const NAMES: Readonly<Record<string, Readonly<Record<Language, string>>>> = {
  currentPassword: { ko: '현재 비밀번호(currentPassword)', en: 'Field "currentPassword"' },
  email: { ko: '이메일(email)', en: 'Field "email"' },
  newPassword: { ko: '새 비밀번호(newPassword)', en: 'Field "newPassword"' },
  note: { ko: '메모(note)', en: 'Field "note"' },
  password: { ko: '비밀번호(password)', en: 'Field "password"' },
  username: { ko: '이름(username)', en: 'Field "username"' },
}

/** A fault as one sentence that names its field; undefined where the fault is not one of a field. */
export function inOneSentence({ field, message }: FieldFault, language: Language): string | undefined {
  if (field === '') return undefined
  const name = NAMES[field] ?? { ko: field, en: `Field "${field}"` }
  return { ko: `${name.ko}: ${message}`, en: `${name.en} ${message}.` }[language]
}
