import fp from 'fastify-plugin'

/** At shutdown, requests in flight are answered and their connections then closed, so that nothing waits for idle ones. */
export const draining = fp(
  (app, _options, done) => {
    let closing = false
    app.addHook('preClose', (next) => {
      closing = true
      next()
    })
    app.addHook('onSend', (_request, reply, _payload, next) => {
      if (closing) void reply.header('connection', 'close')
      next()
    })
    done()
  },
  { name: 'draining' },
)
