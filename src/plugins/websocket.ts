import websocketPlugin from '@fastify/websocket'
import fp from 'fastify-plugin'

export const MAX_MESSAGE_BYTES = 256 * 1024
/** In which a message may come, as TCP and as the protocol cut it: each piece costs us more than a byte that it carries. */
const MAX_PIECES = { maxBufferedChunks: 2048, maxFragments: 1024 }
const FAREWELL_MS = 300

/** The one switch to the newer behaviour on sockets; whoever does not ask for it sees the older protocol. */
export const V2 = 'maeum.v2'

/** WebSocket transport. At shutdown every socket is told to come back (1001), and cut off when it does not answer. */
export const websocket = fp(
  async (app) => {
    await app.register(websocketPlugin, {
      options: {
        maxPayload: MAX_MESSAGE_BYTES,
        ...MAX_PIECES,
        perMessageDeflate: false,
        handleProtocols: (offered) => offered.has(V2) && V2,
      },
      errorHandler: (error, socket, request) => {
        // A peer that breaks the protocol is its own fault; ws has already chosen the close code.
        request.log.debug({ err: error }, 'socket error')
        if (socket.readyState === socket.OPEN) socket.close(1011)
      },
      preClose: (done) => {
        const { clients } = app.websocketServer
        const goaway = JSON.stringify({ type: 'goaway', data: { timeLeftMs: FAREWELL_MS } })
        for (const client of clients) {
          if (client.protocol === V2) client.send(goaway)
          client.close(1001, 'SERVER_GOING_AWAY')
        }
        const cut = setTimeout(() => {
          for (const client of clients) client.terminate()
        }, FAREWELL_MS)
        app.websocketServer.close(() => {
          clearTimeout(cut)
          done()
        })
      },
    })
  },
  { name: 'websocket' },
)
