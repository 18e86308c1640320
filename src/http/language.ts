import type { FastifyRequest } from 'fastify'
import Negotiator from 'negotiator'
import { type Language, LANGUAGES } from '../domain/language.ts'

/** The caller's language: Korean unless its Accept-Language header prefers English. */
export function parsePreferredLanguage(acceptLanguage: string | undefined): Language {
  const preferred = new Negotiator({ headers: { 'accept-language': acceptLanguage } }).language(LANGUAGES)
  return LANGUAGES.find((language) => language === preferred) ?? LANGUAGES[0]
}

/**
 * The language to answer in. The web client, which sends `X-Client-Version`, has Korean pages and shows our sentences in
 * them whatever its browser prefers: it is answered in Korean unless the person has set English.
 */
export function languageOf({ headers, principal, server }: FastifyRequest): Language {
  if (headers['x-client-version'] === undefined) return parsePreferredLanguage(headers['accept-language'])
  // An address that cannot be read is refused before anything is decorated.
  const userId = (principal as FastifyRequest['principal'] | undefined)?.userId
  return (userId === undefined ? undefined : server.languages.get(userId)) ?? 'ko'
}
