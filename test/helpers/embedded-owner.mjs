import { startEmbedded } from '../../dist/db/embedded/server.js'

// A process that owns an embedded database until it is killed: node embedded-owner.mjs <data directory>
const server = await startEmbedded({ dataDir: process.argv[2] ?? '', durable: true })
process.stdout.write(`${server.socketDir}\n`)
