import { ConfigError } from '../config/config.ts'
import type { Language } from '../domain/language.ts'
import { describeFieldFault, toFieldFaults } from '../http/field-faults.ts'
import { AppError, errorMessage } from '../protocol/errors.ts'
import { createTexts, type TextKey } from './texts.ts'

const FILE_TEXTS: Readonly<Record<string, TextKey>> = {
  EEXIST: 'file.exists',
  ENOENT: 'file.missing',
  ENOTDIR: 'file.missing',
  EACCES: 'file.denied',
  EPERM: 'file.denied',
}

/** The reason of a failed access to a file; undefined for other errors. */
function describeFile(error: Error, language: Language): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException
  const key = FILE_TEXTS[code ?? '']
  return key === undefined || path === undefined ? undefined : createTexts(language)(key, { path })
}

/** One line for each reason of an error, without the query that the query layer adds and without a stack. */
export function reasonsOf(error: unknown, language: Language): readonly string[] {
  if (error instanceof ConfigError) return error.faults
  if (error instanceof AppError) return [errorMessage(error.code, language)]
  if (!(error instanceof Error)) return [String(error)]
  if ('validation' in error && Array.isArray(error.validation)) {
    const faults = toFieldFaults(error.validation, language)
    return faults.map((fault) => describeFieldFault(fault, language) ?? fault.message)
  }
  if ('query' in error && error.cause !== undefined) return reasonsOf(error.cause, language)
  return [describeFile(error, language) ?? error.message]
}
