import fp from 'fastify-plugin'

/** At shutdown, requests in flight are answered and their connections then closed, so that nothing waits for idle ones. */
export const draining = fp(
  (app, _options, done) => {
    let closing = false
    app.addHook('preClose', (next) => {
      closing = true
      next()
    })
    app.addHook('onSend', async (_request, reply) => {
      if (closing) void reply.header('connection', 'close')
    })
    done()
  },
  { name: 'draining' },
)
