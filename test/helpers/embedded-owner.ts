import { startEmbedded } from '../../src/db/embedded.ts'

// A process that owns an embedded database until it is killed: node --import tsx embedded-owner.ts <data directory>
const server = await startEmbedded({ dataDir: process.argv[2] ?? '', durable: true })
process.stdout.write(`${server.socketDir}\n`)
