import fp from 'fastify-plugin'
import type { Config } from '../config/config.ts'
import { createVault, type Vault } from '../db/vault.ts'
import { createWrapping } from '../lib/wrapping.ts'

declare module 'fastify' {
  interface FastifyInstance {
    vault: Vault
  }
}

/** Encryption at rest: personal data is sealed with the user's data key, which is wrapped with an operator key. */
export const vault = fp(
  (app, { config }: { config: Config }, done) => {
    const wrapping = createWrapping(config.privacy.dataKeys, app.authentication.secrets)
    app.decorate('vault', createVault(app.database.sql, wrapping))
    app.notices.onListening(app.vault.forgetAll)
    done()
  },
  { name: 'vault', dependencies: ['authentication', 'database', 'notices'] },
)
