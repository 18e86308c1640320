import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import type { Language } from '../domain/language.ts'
import { entryLimit } from '../lib/entry-limit.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Cached languages of users whose preferences this process has recently read or written. */
    languages: {
      readonly get: (userId: number) => Language | undefined
      readonly set: (userId: number, language: Language) => void
    }
  }
}

const MAX_CACHED_USERS = 10_000

export const languages = fp(
  (app, _options, done) => {
    app.decorate('languages', new LRUCache<number, Language>(entryLimit(MAX_CACHED_USERS)))
    done()
  },
  { name: 'languages' },
)
