import websocketPlugin from '@fastify/websocket'
import fp from 'fastify-plugin'
import { MAX_MESSAGE_BYTES, SUBPROTOCOL_V2 } from '../protocol/channels/transport.ts'

/** Limits of TCP chunks and fragments per message: each one costs more than its bytes. */
const MAX_PIECES = { maxBufferedChunks: 2048, maxFragments: 1024 }
const CLOSE_TIMEOUT_MS = 300

/** WebSocket transport. At shutdown every socket is closed with 1001 and terminated if the client does not answer. */
export const websocket = fp(
  async (app) => {
    await app.register(websocketPlugin, {
      options: {
        maxPayload: MAX_MESSAGE_BYTES,
        ...MAX_PIECES,
        perMessageDeflate: false,
        handleProtocols: (offered) => offered.has(SUBPROTOCOL_V2) && SUBPROTOCOL_V2,
      },
      errorHandler: (error, socket, request) => {
        // A protocol error of the client; ws has already chosen the close code.
        request.log.debug({ err: error }, 'socket error')
        if (socket.readyState === socket.OPEN) socket.close(1011)
      },
      preClose: (done) => {
        const { clients } = app.websocketServer
        const goaway = JSON.stringify({ type: 'goaway', data: { timeLeftMs: CLOSE_TIMEOUT_MS } })
        for (const client of clients) {
          if (client.protocol === SUBPROTOCOL_V2) client.send(goaway)
          client.close(1001, 'SERVER_GOING_AWAY')
        }
        const terminateTimer = setTimeout(() => {
          for (const client of clients) client.terminate()
        }, CLOSE_TIMEOUT_MS)
        app.websocketServer.close(() => {
          clearTimeout(terminateTimer)
          done()
        })
      },
    })
  },
  { name: 'websocket' },
)
