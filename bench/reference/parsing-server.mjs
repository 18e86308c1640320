// The straightforward server: Fastify and ws, JSON.parse for every message.
import Fastify from 'fastify'
import { WebSocketServer } from 'ws'

const app = Fastify()
app.get('/', () => ({ ok: true }))
await app.ready()

const sockets = new WebSocketServer({ server: app.server, maxPayload: 256 * 1024, perMessageDeflate: false })
sockets.on('connection', (socket) => {
  socket.on('message', (bytes) => {
    const message = JSON.parse(bytes.toString())
    if (message.type === 'ping') socket.send(JSON.stringify({ type: 'pong', timestamp: Date.now() }))
  })
})

await app.listen({ port: Number(process.env.PORT), host: process.env.HOST })
