import process from 'node:process'
import { startEmbedded } from '../../src/db/embedded/server.ts'

// A process that owns an embedded database until it is killed: embedded-owner.ts <data directory>
const server = await startEmbedded({ dataDir: process.argv[2] ?? '', durable: true })
process.stdout.write(`${server.socketDir}\n`)
