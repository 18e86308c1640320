// The minimal boot: Fastify imported and listening.
import Fastify from 'fastify'

const app = Fastify()
app.get('/', () => ({ ok: true }))
await app.listen({ port: Number(process.env.PORT), host: process.env.HOST })
