// The minimal server: ws alone, which counts bytes and answers short messages.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const SHORT_BYTES = 256

let received = 0
const server = createServer((_request, answer) => answer.end(String(received)))
const sockets = new WebSocketServer({ server, maxPayload: 256 * 1024, perMessageDeflate: false })
sockets.on('connection', (socket) => {
  socket.on('message', (bytes) => {
    received += bytes.length
    if (bytes.length < SHORT_BYTES) socket.send(`{"type":"pong","timestamp":${Date.now()}}`)
  })
})
server.listen(Number(process.env.PORT), process.env.HOST)
