import fp from 'fastify-plugin'
import type { Config } from '../config/config.ts'
import { type Models, openModels } from '../models/models.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly models: Pick<Models, 'gemini' | 'describe'>
  }
}

const SETTLE_INTERVAL_MS = 5000

/** The language models, with one client, one quota and one budget for all callers. */
export const models = fp(
  async (app, { config }: { config: Config }) => {
    const { metrics, log, outages } = app
    const { orm } = app.database
    const opened = openModels({ config: config.analysis, orm, metrics, log, outages })
    await opened.settle()
    app.decorate('models', opened)
    app.every('model_bill', SETTLE_INTERVAL_MS, opened.settle)
    app.addHook('onClose', opened.settle)
  },
  { name: 'models', dependencies: ['database', 'guard', 'metrics'] },
)
