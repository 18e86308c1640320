import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import type { Language } from '../domain/language.ts'
import { preferredLanguage } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Languages that people have set, of those whose preferences this process has read or written lately. */
    languages: {
      readonly get: (userId: number) => Language | undefined
      readonly set: (userId: number, language: Language) => void
    }
  }
}

const REMEMBERED_USERS = 10_000

/**
 * The language to answer in. The web client, which sends `X-Client-Version`, has Korean pages and shows our sentences in
 * them whatever its browser prefers: it is answered in Korean unless the person has set English.
 */
export function languageOf({ headers, principal, server }: FastifyRequest): Language {
  if (headers['x-client-version'] === undefined) return preferredLanguage(headers['accept-language'])
  // An address that cannot be read is refused before anything is decorated.
  const userId = (principal as FastifyRequest['principal'] | undefined)?.userId
  return (userId === undefined ? undefined : server.languages.get(userId)) ?? 'ko'
}

export const languages = fp(
  (app, _options, done) => {
    app.decorate('languages', new LRUCache<number, Language>({ max: REMEMBERED_USERS }))
    done()
  },
  { name: 'languages' },
)
